import csv
import json

import pytest

from medx.core.errors import InputError
from retrieval.config import GalleryConfig, SearchConfig
from retrieval.gallery import open_gallery
from retrieval.search import batch
from retrieval.search.batch import Journal, answer_queries, journal_key
from retrieval.search.batch_files import write_entries
from retrieval.search.expression import parse_query
from retrieval.search.query import like
from retrieval.search.query_files import read_queries

LINES = ['"normal"', "test-normal-001", "no-such-id", '"pneumonia" - "normal"', '"a" - "a"', '"b']


@pytest.fixture
def gallery(toy_index_dir):
    return open_gallery(GalleryConfig(index=str(toy_index_dir)))


@pytest.fixture
def queries(tmp_path):
    path = tmp_path / "queries.txt"
    path.write_text("\n".join(LINES))
    return path


def answered(gallery, queries, **options):
    found = answer_queries(gallery, read_queries(queries), parse_query, SearchConfig(**options))
    return [entry for entries in found for entry in entries]


def test_each_query_is_answered_as_if_alone(gallery, queries):
    entries = answered(gallery, queries, top_k=4)
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5, 6]
    for entry in (entries[0], entries[1], entries[3]):
        alone = gallery.search(parse_query(LINES[entry.number - 1]), top_k=4)
        assert [hit.id for hit in entry.result.hits] == [hit.id for hit in alone.hits]
    errors = {entry.number: entry.error for entry in entries if entry.error}
    assert set(errors) == {3, 5, 6}
    assert "unknown id" in errors[3]
    assert "cancel out" in errors[5]
    assert "\n" not in errors[6]


def test_a_csv_has_a_row_for_each_hit(gallery, queries, tmp_path):
    entries = answered(gallery, queries, top_k=2, vote=True)
    write_entries(entries, tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["number"] for row in rows] == ["1", "1", "2", "2", "3", "4", "4", "5", "6"]
    assert rows[0]["id"] == entries[0].result.hits[0].id
    assert rows[0]["vote"] == "normal"
    assert rows[4]["error"].startswith("unknown id")


def test_a_journal_is_gone_on_with(gallery, queries, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "BATCH", 2)
    config = SearchConfig(top_k=2)
    key = journal_key(gallery, queries, "parse_query", config)
    path = tmp_path / "out.jsonl.part"
    journal = Journal.start(path, key, resume=False)
    for entries, _ in zip(
        answer_queries(gallery, read_queries(queries), parse_query, config), range(2), strict=False
    ):
        journal.add(entries)
    with path.open("a") as stream:
        stream.write('{"number": 5, "que')  # cut off
    with pytest.raises(InputError, match="interrupted") as raised:
        Journal.start(path, key, resume=False)
    assert "--resume" in raised.value.hint
    again = Journal.start(path, key, resume=True)
    assert sorted(again.entries) == [1, 2, 3, 4]
    assert again.entries == journal.entries
    assert path.read_bytes().endswith(b"}\n")


def test_a_journal_of_something_else_is_refused(gallery, queries, tmp_path):
    path = tmp_path / "out.jsonl.part"
    config = SearchConfig(top_k=2)
    Journal.start(path, journal_key(gallery, queries, "words", config), resume=False)
    for way, other in (("words", SearchConfig(top_k=3)), ("like", config)):
        with pytest.raises(InputError, match="other queries, or with another index"):
            Journal.start(path, journal_key(gallery, queries, way, other), resume=True)
    queries.write_text("other")
    with pytest.raises(InputError, match="other queries"):
        Journal.start(path, journal_key(gallery, queries, "words", config), resume=True)


def test_a_damaged_journal_is_told(tmp_path):
    path = tmp_path / "out.part"
    path.write_text(json.dumps({"key": "k"}) + "\n{}\n")
    with pytest.raises(InputError, match="is damaged"):
        Journal.start(path, "k", resume=True)


def entries_of(gallery, tmp_path, lines, parse=parse_query):
    path = tmp_path / "asked.txt"
    path.write_text("\n".join(lines))
    found = answer_queries(gallery, read_queries(path), parse, SearchConfig(top_k=2))
    return [entry for entries in found for entry in entries]


def test_a_failed_query_tells_no_secret(gallery, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.data import get_testdata_file

    header = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    header.PatientName = "Sommer^Nina"
    del header.PixelData
    header.save_as(tmp_path / "sommer.dcm")
    file, url = tmp_path / "sommer.dcm", "https://nina:hush@scans.example/a.png?token=hush"
    entries = entries_of(gallery, tmp_path, [f"file:{file}", url, f"{url} {file}", '"sommer'])
    assert all(entry.error for entry in entries)
    told = "".join(entry.model_dump_json() for entry in entries[:3])
    assert "sommer" not in told
    assert "hush" not in told
    assert entries[1].query == "https://scans.example/a.png"
    assert entries[3].query == '"sommer'


@pytest.mark.parametrize("name", ["a" * 300, "a" * 300 + ".png", "a\0b.png", "a\0b"])
def test_a_name_that_no_file_can_have_stops_nothing(gallery, tmp_path, name):
    wrong, right = entries_of(gallery, tmp_path, [name, "test-normal-001"], like)
    assert wrong.error
    assert right.result
