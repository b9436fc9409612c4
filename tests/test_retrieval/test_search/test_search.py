import shutil

import numpy as np
import pytest
from PIL import Image as PILImage

from medx.core.errors import InputError
from medx.core.images import read_image
from medx.datasets.manifest_files import load_manifest
from retrieval.build import build_index
from retrieval.config import SearchConfig
from retrieval.encoders.base import normalize
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.expression import parse_query
from retrieval.search.query import like, picture, words
from retrieval.search.search import search


@pytest.fixture
def ask(toy_index, toy):
    def run(query, **options):
        return search(toy_index, lambda: toy, query, SearchConfig(**options)).result

    return run


@pytest.fixture(scope="module")
def repeated(two_class, tmp_path_factory):
    """An index of a dataset that holds four images twice and two almost twice."""
    folder = shutil.copytree(two_class, tmp_path_factory.mktemp("repeated") / "two")
    images = folder / "images"
    for i in range(4):
        shutil.copy(images / f"test-normal-{i:03d}.png", images / f"val-normal-{i:03d}.png")
    for i in (10, 11):
        pixels = read_image(images / f"test-normal-{i:03d}.png").pixels.copy()
        pixels[0, 0] ^= 1
        PILImage.fromarray(pixels).save(images / f"val-normal-{i:03d}.png")
    from test_retrieval.toy_encoder import ToyEncoder

    build_index(load_manifest(folder), ToyEncoder(), folder.parent / "two-toy")
    return GalleryIndex.load(folder.parent / "two-toy")


def test_a_weighted_sum_is_the_sum_of_unit_vectors(toy_index, toy, ask, two_class):
    path = two_class / "images" / "train-normal-003.png"
    result = ask(parse_query(f'"pneumonia" + 2 * {path} - 0.5 * test-normal-001'), top_k=7)
    row = toy_index.items.row("test-normal-001")
    total = (
        toy.embed_texts(["pneumonia"])[0]
        + 2 * toy.embed_images([read_image(path).pixels])[0]
        - 0.5 * toy_index.embeddings(np.array([row]))[0]
    )
    cosines = toy_index.embeddings() @ normalize(total[None])[0]
    cosines[row] = -1
    best = np.argsort(-cosines, kind="stable")[:7]
    assert [hit.id for hit in result.hits] == [toy_index.items.item(int(r)).id for r in best]
    assert [h.similarity for h in result.hits] == pytest.approx(cosines[best].tolist(), abs=1e-5)
    assert [(t.kind, t.weight) for t in result.terms] == [("text", 1), ("file", 2), ("id", -0.5)]
    assert (result.kind, result.schema_version) == ("mixed", 2)


def test_scaling_every_weight_changes_nothing(ask):
    one = ask(parse_query('"pneumonia" - 0.5 * "normal"'))
    other = ask(parse_query('4 * "pneumonia" - 2 * "normal"'))
    assert [hit.id for hit in one.hits] == [hit.id for hit in other.hits]


def test_looking_away_from_words(ask):
    assert {hit.label for hit in ask(parse_query('"normal" - "pneumonia"')).hits} == {"normal"}
    assert {hit.label for hit in ask(parse_query('- "pneumonia"')).hits} == {"normal"}


def test_parts_that_cancel_out(ask):
    with pytest.raises(InputError, match="cancel out"):
        ask(parse_query('"normal" - "normal"'))


def test_ids_alone_need_no_encoder(toy_index):
    def never():
        raise AssertionError

    result = search(toy_index, never, parse_query("test-normal-001 + test-normal-002")).result
    assert not {"test-normal-001", "test-normal-002"} & {hit.id for hit in result.hits}


def test_ensemble_lists_its_templates(ask, toy):
    result = ask(words("pneumonia"), ensemble=True)
    assert result.terms[0].prompts == tuple(
        template.replace("{words}", "pneumonia") for template in result.templates
    )
    assert len(result.templates) > 3
    assert result.unknown_words == ()
    assert ask(words("pneumonia")).templates == ()
    assert ask(like("test-normal-001"), ensemble=True).templates == ()


def test_which_part_has_unknown_words(ask):
    result = ask(parse_query('"pneumonia" + "lorem"'))
    assert result.unknown_words == ("lorem",)
    assert result.warning.startswith('"lorem": ')


def test_filter_returns_what_there_is(ask):
    result = ask(words("normal"), where="label = 'pneumonia' and split = 'val'", top_k=50)
    assert {(hit.label, hit.split) for hit in result.hits} == {("pneumonia", "val")}
    assert len(result.hits) == 40
    assert result.notes == ("40 of the 50 hits asked for: no other image among 40 can be one",)
    both = ask(words("normal"), where="label = 'pneumonia'", split="val", top_k=40)
    assert [hit.id for hit in both.hits] == [hit.id for hit in result.hits]
    with pytest.raises(InputError, match="holds no image where label = 'tumour'"):
        ask(words("normal"), where="label = 'tumour'")
    with pytest.raises(InputError, match="lable"):
        ask(words("normal"), where="lable = 'normal'")


def test_hits_below_the_lowest_similarity_are_none(ask):
    every = ask(words("normal"), top_k=180).hits
    limit = every[24].similarity
    found = ask(words("normal"), top_k=100, min_similarity=limit).hits
    assert [hit.id for hit in found] == [hit.id for hit in every if hit.similarity >= limit]
    assert ask(words("normal"), min_similarity=0.9999).hits == ()


def test_repetitions_are_replaced_by_the_next(repeated, toy):
    def ask(**options):
        config = SearchConfig(top_k=30, **options)
        return search(repeated, lambda: toy, like("test-normal-000"), config).result

    plain, clean = ask(), ask(dedup=True)
    assert "val-normal-000" in plain.duplicates
    assert "val-normal-000" in [one.id for one in clean.left_out if one.like == "query"]
    assert len(clean.hits) == 30
    digests = [repeated.items.item(repeated.items.row(h.id)).content_hash for h in clean.hits]
    assert len(set(digests)) == 30
    near = ask(dedup_above=0.99999)
    pairs = [
        {h.id for h in near.hits} & {f"test-normal-{i}", f"val-normal-{i}"} for i in ("010", "011")
    ]
    assert all(len(pair) <= 1 for pair in pairs)
    assert near.dedup


def test_everything_repeats(toy_index, toy):
    result = search(
        toy_index, lambda: toy, words("normal"), SearchConfig(top_k=5, dedup_above=-1.0)
    ).result
    assert len(result.hits) == 1
    assert "1 of the 5" in result.notes[0]


def test_diverse_hits_are_less_alike(toy_index, toy):
    def likeness(diversity):
        config = SearchConfig(top_k=8, diversity=diversity)
        result = search(toy_index, lambda: toy, words("normal"), config).result
        vectors = toy_index.embeddings(np.array(toy_index.items.rows_of(h.id for h in result.hits)))
        return (vectors @ vectors.T).mean(), result

    alike, plain = likeness(0.0)
    varied, result = likeness(0.7)
    assert varied < alike
    assert result.hits[0] == plain.hits[0]
    assert [hit.rank for hit in result.hits] == list(range(1, 9))
    assert "marginal relevance" in result.notes[0]


def test_copies_of_the_query_do_not_vote(toy_index, toy, two_class):
    pixels = read_image(two_class / "images" / "test-normal-001.png").pixels
    config = SearchConfig(top_k=5, vote=True)
    vote = search(toy_index, lambda: toy, picture(pixels), config).result.vote
    assert vote.not_counted == ("test-normal-001",)
    assert (vote.label, vote.voters) == ("normal", 4)
    assert vote.shares[0].prevalence == pytest.approx(1 / 3)


def test_names_of_files_that_name_their_patient_are_hidden(ask, toy_index, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    from pydicom.data import get_testdata_file

    header = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    header.PatientName = "Sommer^Anna"
    path = tmp_path / 'so "sommer".dcm'
    header.save_as(path)
    escaped = str(path).replace('"', '\\"')
    result = ask(parse_query(f'"normal" - 0.5 * file:"{escaped}"'))
    assert "sommer" not in result.model_dump_json().lower()
    assert result.query == '"normal" - 0.5 * a DICOM file whose path names its patient'


def test_web_addresses_are_refused_unless_allowed(ask):
    with pytest.raises(InputError, match="nothing is fetched unasked") as raised:
        ask(like("https://user:secret@example.org/a.png?token=1"))
    assert "--allow-url" in raised.value.hint
    assert "secret" not in str(raised.value)
    assert "token" not in str(raised.value)


def test_kind_can_be_said(ask, toy_index):
    assert ask(parse_query("id:test-normal-001")).terms[0].kind == "id"
    with pytest.raises(InputError, match="no such image file"):
        ask(parse_query("file:test-normal-001"))
