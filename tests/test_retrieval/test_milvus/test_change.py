"""Changes of a gallery in Milvus: whole or not at all, and what a dict would hold."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from test_retrieval.backends import SERVER, drop
from test_retrieval.test_index.test_gallery_index import make_index
from test_retrieval.test_store.pictures import dataset_of, picture
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.content_hash import content_hash
from medx.core.errors import InputError, UnknownNameError
from retrieval.build import build_index
from retrieval.config import BuildConfig
from retrieval.milvus import change as change_module
from retrieval.milvus.catalog import catalog_at
from retrieval.milvus.change import changing_milvus
from retrieval.milvus.collection import Collection
from retrieval.place import load_index
from retrieval.store.compact import compact_index
from retrieval.store.images import add_images, update_images
from retrieval.store.info import describe_index
from retrieval.store.remove import remove_images
from retrieval.store.verify import free_index, verify_index

ABC = {"a": 1, "b": 2, "c": 3}


class StoppedError(Exception):
    """Where a process would have died."""


@pytest.fixture
def place(milvus_shelf, toy):
    """A gallery of three pictures."""
    place = milvus_shelf.place()
    build_index(dataset_of(ABC), toy, place)
    yield place
    drop(place)


def ids(place):
    return sorted(load_index(place).items.column("id"))


def test_adding_removing_and_updating_tell_what_they_did(place, toy):
    added = add_images(place, dataset_of({"a": 9, "d": 4}), toy)
    assert (added.added, added.differing, added.count) == (1, ("a",), 4)
    updated = update_images(place, [dataset_of({"a": 9, "c": 3, "e": 5})], toy)
    assert (updated.added, updated.changed, updated.removed, updated.unchanged) == (1, 1, 2, 1)
    removed = remove_images(place, ["c", "nobody"], missing_ok=True)
    assert (removed.removed, removed.absent, removed.count) == (1, ("nobody",), 2)
    assert ids(place) == ["a", "e"]
    gallery = load_index(place)
    assert gallery.items.item(gallery.items.row("a")).content_hash == content_hash(picture(9))
    assert verify_index(place).ok


def test_removing_by_a_filter(place):
    remove_images(place, where="id != 'b'")
    assert ids(place) == ["b"]
    assert load_index(place).description.splits == {"-": 1}
    with pytest.raises(UnknownNameError, match="'a'"):
        remove_images(place, ["a"])


def test_a_gallery_can_be_emptied_and_filled_again(place, toy):
    remove_images(place, list(ABC))
    assert len(load_index(place)) == 0
    assert verify_index(place).ok
    add_images(place, dataset_of(ABC), toy)
    assert ids(place) == ["a", "b", "c"]


def test_an_open_gallery_stays_what_it_was_while_others_add(place, toy):
    reader = load_index(place)
    add_images(place, dataset_of({n: 3 for n in "defghij"}), toy)  # all like c
    query = toy.embed_images([picture(3)])
    found = reader.search(query, 2)
    assert reader.hits(found)[0].id == "c"
    assert found.rows.max() < 3
    assert len(reader.search(query, 3, where="id != 'nobody'").rows[0]) == 3
    assert sorted(reader.items.column("id")) == ["a", "b", "c"]
    assert len(load_index(place)) == 10


@pytest.mark.parametrize("stop", ["insert", "publish"])
def test_stopped_before_its_end_an_addition_has_changed_nothing(place, toy, monkeypatch, stop):
    def die(*args, **kwargs):
        raise StoppedError

    with monkeypatch.context() as patch:
        if stop == "insert":
            insert = Collection.insert
            patch.setattr(Collection, "insert", lambda *args: (insert(*args), die()))
        else:
            patch.setattr(change_module.MilvusChange, "publish", die)
        with pytest.raises(StoppedError):
            add_images(place, dataset_of({"d": 4, "e": 5}), toy)
    assert ids(place) == ["a", "b", "c"]
    left = verify_index(place)
    assert left.ok
    assert left.unnamed == ("2 rows that were added and never counted",)
    result = add_images(place, dataset_of({"d": 4, "e": 5}), toy)
    assert (result.added, result.count) == (2, 5)
    assert verify_index(place).unnamed == ()


def test_stopped_while_it_cleans_a_removal_is_done(place, toy, monkeypatch):
    def die(*args):
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Collection, "delete", die)
        with pytest.raises(StoppedError):
            remove_images(place, ["b"])
    gallery = load_index(place)
    assert gallery.items.column("id") == ["a", "c"]
    assert [hit.id for hit in gallery.hits(gallery.search(toy.embed_images([picture(2)]), 2))] != []
    with pytest.raises(InputError, match="more than the 2 images"):
        gallery.search(toy.embed_images([picture(2)]), 3)
    assert verify_index(place).ok
    assert verify_index(place).unnamed == ("rows that were removed",)
    remove_images(place, ["a"])
    assert ids(place) == ["c"]
    assert verify_index(place).unnamed == ()


def test_many_gaps_are_closed_by_writing_the_gallery_anew(place, toy, monkeypatch):
    monkeypatch.setattr(change_module, "MOST_GAPS", 1)
    add_images(place, dataset_of({n: i for i, n in enumerate("defgh", start=4)}), toy)
    before = catalog_at(place.uri).find(place.name)[0].name
    remove_images(place, ["b", "d", "f"])
    assert catalog_at(place.uri).find(place.name)[0].name != before
    assert ids(place) == ["a", "c", "e", "g", "h"]
    assert verify_index(place).ok


def test_compacting_makes_another_kind(milvus_shelf, toy):
    place = milvus_shelf.place()
    build_index(dataset_of({f"i{n:03}": n for n in range(150)}), toy, place)
    remove_images(place, ["i007", "i100"])
    result = compact_index(place, kind="hnsw")
    assert (result.kind, result.count, result.dropped) == ("hnsw", 148, 2)
    about = describe_index(place)
    assert (about.kind, about.count, about.removed) == ("hnsw", 148, 0)
    assert "content_hash" in about.columns
    assert load_index(place).description.settings["kind"] == "hnsw"
    drop(place)


def test_too_few_images_for_a_kind(milvus_shelf, toy):
    place = milvus_shelf.place()
    with pytest.raises(InputError, match="needs at least 100 images"):
        build_index(dataset_of(ABC), toy, place, BuildConfig(kind="hnsw"))
    assert not catalog_at(place.uri).holds(place.name)


def test_damage_is_found(place):
    collection, state = catalog_at(place.uri).find(place.name)
    collection.delete([(1, 2)])
    result = verify_index(place)
    assert not result.ok
    assert result.problems[0].what == "the server holds 2 images, not 3"
    about = state.description.model_copy(update={"count": 7})
    catalog_at(place.uri).write_state(
        collection.name, state.model_copy(update={"description": about})
    )
    assert "counts 7 images" in verify_index(place).problems[0].what


@pytest.mark.skipif(not SERVER, reason="milvus-lite keeps other processes out by itself")
def test_one_writer_at_a_time(place):
    with (
        changing_milvus(place),
        pytest.raises(InputError, match=r"is being changed \(host") as raised,
    ):
        remove_images(place, ["a"], wait=False)
    assert "--break-lock" in raised.value.hint
    remove_images(place, ["a"], wait=False)


@pytest.mark.skipif(not SERVER, reason="milvus-lite keeps other processes out by itself")
def test_the_lock_of_a_process_that_died_is_taken(place, monkeypatch):
    with changing_milvus(place):
        monkeypatch.setattr("retrieval.milvus.lock._is_gone", lambda holder: "process" in holder)
        remove_images(place, ["a"], wait=False)
    free_index(place)
    assert ids(place) == ["b", "c"]


def test_only_galleries_can_be_freed(tmp_path):
    make_index(3).save(tmp_path / "x")
    with pytest.raises(InputError, match="ends with its process"):
        free_index(tmp_path / "x")


IDS = st.sampled_from([f"i{n}" for n in range(8)])
SHELVES = st.dictionaries(IDS, st.integers(0, 12), min_size=1, max_size=6)


class GalleryBesideADict(RuleBasedStateMachine):
    """``self.held`` maps each id the gallery should have to its picture."""

    shelf = None

    @initialize(pictures=SHELVES)
    def build(self, pictures):
        self.place = self.shelf.place()
        self.toy = ToyEncoder()
        build_index(dataset_of(pictures), self.toy, self.place)
        self.held = dict(pictures)

    @rule(pictures=SHELVES)
    def add(self, pictures):
        add_images(self.place, dataset_of(pictures), self.toy)
        self.held = {**pictures, **self.held}

    @rule(names=st.lists(IDS, min_size=1, max_size=4))
    def remove(self, names):
        remove_images(self.place, names, missing_ok=True)
        self.held = {name: n for name, n in self.held.items() if name not in names}

    @rule(pictures=SHELVES)
    def update(self, pictures):
        update_images(self.place, [dataset_of(pictures)], self.toy)
        self.held = dict(pictures)

    @rule()
    def compact(self):
        if self.held:
            compact_index(self.place)

    @invariant()
    def same(self):
        gallery = load_index(self.place)
        names = gallery.items.column("id")
        assert sorted(names) == sorted(self.held)
        assert sum(gallery.description.splits.values()) == len(self.held)
        if not names:
            return
        expected = self.toy.embed_images([picture(self.held[name]) for name in names])
        np.testing.assert_allclose(gallery.embeddings(), expected, atol=1e-6)
        query = self.toy.embed_images([picture(5)])
        best = gallery.search(query, 1).similarities[0, 0]
        assert best == pytest.approx((query @ expected.T).max(), abs=1e-5)
        assert verify_index(self.place).ok

    def teardown(self):
        if hasattr(self, "place"):
            drop(self.place)


def test_any_changes_leave_what_a_dict_would_hold(milvus_shelf, monkeypatch):
    monkeypatch.setattr(GalleryBesideADict, "shelf", milvus_shelf)
    machine = GalleryBesideADict.TestCase
    machine.settings = settings(
        max_examples=1 if SERVER else 6, stateful_step_count=6, deadline=None, database=None
    )
    machine("runTest").runTest()
