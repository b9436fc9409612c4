import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_retrieval.backends import SERVER
from test_retrieval.test_index.test_gallery_index import brute_force, make_index
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.errors import IndexMismatchError, InputError
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.milvus import gallery as gallery_module
from retrieval.milvus.catalog import catalog_at
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.store import write_gallery
from retrieval.place import load_index

KINDS = ["flat", "hnsw", "ivf-sq8"]


@pytest.fixture(scope="module")
def ninety(milvus_shelf):
    """An index of ninety images, in memory and in Milvus."""
    index = make_index(90)
    return index, milvus_shelf.keep(index)


@pytest.fixture(scope="module", params=KINDS)
def many(request, milvus_shelf):
    """A thousand images as each kind, in memory and in Milvus."""
    index = make_index(1000)
    return index, milvus_shelf.keep(index, request.param)


def assert_same(found, expected):
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_allclose(found.similarities, expected.similarities, atol=1e-6)


@settings(
    max_examples=5 if SERVER else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(st.integers(0, 89), unique=True, min_size=30),
    top_k=st.integers(1, 6),
    split=st.sampled_from(["all", "train", "test"]),
    seed=st.integers(0, 9),
)
def test_a_part_agrees_with_brute_force(ninety, rows, top_k, split, seed):
    index, gallery = (whole.subset(np.array(rows)) for whole in ninety)
    allowed = np.array([split in ("all", s) for s in index.items.column("split")])
    assume(allowed.sum() >= top_k)
    asked = np.random.default_rng(seed).normal(size=(5, 8)).astype(np.float32)
    found = gallery.search(asked, top_k, split=split)
    expected = brute_force(index, asked, allowed)
    best = -np.sort(-expected, axis=1)[:, :top_k]
    np.testing.assert_allclose(found.similarities, best, atol=1e-5)
    taken = np.take_along_axis(expected, found.rows, axis=1)
    np.testing.assert_allclose(found.similarities, taken, atol=1e-5)


@pytest.mark.parametrize(
    "narrowed",
    [
        {"where": "id in ('i3', 'i999', 'i500', 'i7', 'i8')"},
        {"where": "id like 'i1%' and split != 'val'"},
        {"split": "test"},
        {"split": "val", "where": "label = 'a|b'", "exclude_ids": [["i1", "i4", "gone"]] * 4},
        {"exclude_ids": [["i0"], ["i1", "i2"], [], ["i7"]]},
        {"exact": True},
    ],
)
def test_narrowed_searches_are_exact_on_every_kind(many, narrowed):
    index, gallery = many
    asked = np.random.default_rng(1).normal(size=(4, 8)).astype(np.float32)
    assert_same(gallery.search(asked, 5, **narrowed), index.search(asked, 5, **narrowed))


def test_a_kind_says_what_it_was_measured_to_find(many):
    _, gallery = many
    kind, tuning = gallery.description.kind, gallery.description.tuning
    if kind == "flat":
        assert tuning is None
        return
    assert tuning.kind == kind
    assert tuning.recall.estimate > 0.9
    assert tuning.queries > 50


def test_what_is_too_many_to_compare_is_the_servers_word_and_said(many, monkeypatch, capsys):
    index, gallery = many
    monkeypatch.setattr(gallery_module, "LARGEST_EXACT", 100)
    asked = index.embeddings(np.array([4]))
    assert gallery.search(asked, 3, split="val").rows[0, 0] == 4
    said = capsys.readouterr().err
    assert ("may miss some" in said) == (gallery.description.kind != "flat")


def test_rows_items_and_vectors_are_those_that_were_written(ninety):
    index, gallery = ninety
    assert len(gallery) == 90
    assert gallery.items.item(7) == index.items.item(7)
    assert gallery.items.rows_of(["i3", "nobody", "i2"]) == [3, 2]
    assert "i5" in gallery.items
    assert "nobody" not in gallery.items
    assert gallery.items.table.equals(index.items.table)
    np.testing.assert_array_equal(gallery.embeddings(), index.embeddings())
    rows = np.array([8, 3, 8])
    np.testing.assert_array_equal(gallery.embeddings(rows), index.embeddings(rows))
    written = gallery.description.model_dump(exclude={"generation", "changed", "name"})
    assert written == index.description.model_dump(exclude={"generation", "changed", "name"})


def test_the_whole_gallery_can_be_ranked(many):
    index, gallery = many
    asked = np.random.default_rng(2).normal(size=(2, 8)).astype(np.float32)
    found = gallery.search(asked, 1000, exact=True)
    assert_same(found, index.search(asked, 1000))


def test_a_gallery_becomes_a_folder_again(ninety, tmp_path):
    index, gallery = ninety
    gallery.save(tmp_path / "x")
    loaded = GalleryIndex.load(tmp_path / "x")
    assert loaded.items.table.equals(index.items.table)
    np.testing.assert_array_equal(loaded.embeddings(), index.embeddings())


def test_another_encoder_is_refused_and_the_hint_leads_to_milvus(ninety):
    _, gallery = ninety
    with pytest.raises(IndexMismatchError, match="was built by toy 0000") as raised:
        gallery.check_encoder(ToyEncoder(weights_sha256="1" * 64))
    assert f"--backend milvus --uri {gallery.description.uri}" in raised.value.hint


def test_writing_again_replaces_the_gallery_in_one_step(milvus_shelf):
    place = milvus_shelf.place("twice")
    first, second = make_index(5), make_index(7, seed=1)
    write_gallery(place, first.batches(), first.description)
    write_gallery(place, second.batches(), second.description)
    assert len(load_index(place)) == 7
    of_that_name = [
        name for name in catalog_at(place.uri).client.list_collections() if "twice" in name
    ]
    assert len(of_that_name) == 1


def test_a_write_that_fails_leaves_the_gallery_as_it_was(milvus_shelf):
    place = milvus_shelf.place()
    index = make_index(5)
    write_gallery(place, index.batches(), index.description)

    def broken():
        yield from make_index(50).batches()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_gallery(place, broken(), index.description)
    assert load_index(place).items.column("id") == [f"i{n}" for n in range(5)]


def test_ids_are_unique(milvus_shelf):
    index = make_index(3)
    batches = [*index.batches(), *index.batches()]
    with pytest.raises(ValueError, match="ids must be unique, got 'i0'"):
        write_gallery(milvus_shelf.place(), batches, index.description)


@pytest.mark.parametrize(
    ("text", "why"),
    [("x" * 600, "label of 'i0' does not fit"), ("a\0b", "a text of 'i0' does not fit")],
)
def test_values_that_milvus_would_cut_are_refused(milvus_shelf, text, why):
    index = make_index(1)
    items = Items.from_items([Item(id="i0", content_hash="h0", path="0.png", label=text)])
    with pytest.raises(InputError, match=why):
        write_gallery(milvus_shelf.place(), [(items, index.embeddings())], index.description)


def test_names_differ_in_more_than_letters(milvus_shelf):
    uri, mark = milvus_shelf.place().uri, milvus_shelf.place().name
    places = [MilvusPlace(uri, f"{name} {mark}") for name in ("a-b", "a b", "a_b", "ä")]
    for count, place in enumerate(places, start=1):
        index = make_index(count)
        write_gallery(place, index.batches(), index.description)
    assert [len(load_index(place)) for place in places] == [1, 2, 3, 4]
