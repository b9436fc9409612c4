import pytest

from retrieval.milvus.collection import Collection
from retrieval.milvus.filters import JSON_COLUMN


@pytest.fixture
def medx(cli, two_class, milvus_shelf):
    """Run a ``medx retrieve`` command on a gallery of its own."""
    place = milvus_shelf.place("cli")

    def run(command, *args, name=True):
        named = [place.name] if name else []
        return cli("retrieve", command, *named, *args, "--backend", "milvus", "--uri", place.uri)

    built = run(
        "build", "--dataset", two_class, "--encoder", "toy", "--name", place.name, name=False
    )
    assert built.exit_code == 0, built.stderr
    run.index = place.name
    return run


def spied(monkeypatch):
    """Return a list that gets the fields, and the number of rows, of each answer of Milvus."""
    asked, query = [], Collection._query

    def told(collection, **options):
        found = query(collection, **options)
        asked.append((options["output_fields"], len(found)))
        return found

    monkeypatch.setattr(Collection, "_query", told)
    return asked


def test_every_command_takes_a_gallery(medx, cli, two_class, monkeypatch):
    hits = medx(
        "text-search", "pneumonia", "--index", medx.index, "--where", "split = 'val'",
        "--top-k", "3", "--json", name=False,
    ).json["hits"]  # fmt: skip
    assert [(hit["label"], hit["split"]) for hit in hits] == [("pneumonia", "val")] * 3
    assert medx("remove", "--where", "split = 'val'", "--json").json["removed"] == 60
    assert medx("info", "--json").json["splits"] == {"train": 60, "test": 60}
    assert medx("verify", "--json").json["ok"]
    assert medx("update", "--json").json["added"] == 60
    assert medx("add", "--dataset", two_class, "--json").json["unchanged"] == 180
    assert medx("compact", "--json").json["count"] == 180
    listed = {i["name"]: i for i in medx("list", "--json", name=False).json["indexes"]}
    assert listed[medx.index]["splits"] == {"train": 60, "val": 60, "test": 60}
    assert listed[medx.index]["problem"] is None
    asked = spied(monkeypatch)
    result = medx("evaluate", "--index", medx.index, "--json", name=False).json
    assert {protocol["gallery"] for protocol in result["protocols"]} == {60}
    # Text and metadata of no more than the wrong neighbours that are shown.
    assert sum(rows for fields, rows in asked if JSON_COLUMN in fields) <= 24
    assert any(rows == 180 for _, rows in asked)


def test_a_folder_and_a_gallery_score_the_same(medx, cli, two_class):
    cli("retrieve", "build", "--dataset", two_class, "--encoder", "toy", "--name", medx.index)
    result = medx("compare", "--backend", "faiss", "--json").json
    assert [entry["name"] for entry in result["indexes"]] == [
        f"{medx.index} in faiss",
        f"{medx.index} in milvus",
    ]
    assert {row["difference"]["estimate"] for row in result["differences"]} == {0.0}


def test_merging_galleries(medx, cli, two_class):
    second, both = f"{medx.index} 2", f"{medx.index} both"
    medx("build", "--dataset", two_class, "--encoder", "toy", "--name", second, name=False)
    medx("remove", "--where", "split = 'val'")
    made = medx("merge", second, "--into", both, "--json").json
    assert (made["added"], made["unchanged"], made["count"]) == (180, 120, 180)
    assert medx("merge", second, "--into", medx.index, "--json").json["added"] == 60
    assert medx("merge", second, "--into", both, "--json").json["unchanged"] == 360


def test_no_file_is_made_by_looking(cli, tmp_path):
    for command in ("info", "list"):
        args = ["x"] if command == "info" else []
        result = cli("retrieve", command, *args, "--backend", "milvus", "--uri", tmp_path / "x.db")
        assert result.exit_code == (1 if command == "info" else 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--index", "nobody"), "unknown index in the Milvus at"),
        (("--where", "label like 'a_b'"), "Milvus cannot look for"),
        (("--split", "tset"), "unknown split of the index 'tset'"),
    ],
)
def test_bad_input_is_told_in_one_line(medx, args, told):
    args = args if "--index" in args else ("--index", medx.index, *args)
    result = medx("text-search", "pneumonia", *args, name=False)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_without_the_backend_is_told(cli):
    result = cli("retrieve", "info", "x", "--uri", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "add --backend milvus" in result.stderr
