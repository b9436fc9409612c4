"""Any sequence of changes leaves what a dict would hold."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from test_retrieval.test_store.pictures import dataset_of, picture
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.content_hash import content_hash
from retrieval.build import build_index
from retrieval.index.gallery_index import GalleryIndex
from retrieval.store.compact import compact_index
from retrieval.store.images import add_images, update_images
from retrieval.store.merge import merge_indexes
from retrieval.store.remove import remove_images
from retrieval.store.verify import verify_index

IDS = st.sampled_from([f"i{n}" for n in range(12)])
#: Few pictures, so that several ids share one.
PICTURES = st.integers(0, 20)
SHELVES = st.dictionaries(IDS, PICTURES, min_size=1, max_size=8)


class IndexBesideADict(RuleBasedStateMachine):
    """``self.held`` maps each id the index should have to its picture."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.index_dir = self.folder / "x"
        self.toy = ToyEncoder()
        self.reader = None

    def teardown(self):
        shutil.rmtree(self.folder)

    @initialize(shelf=SHELVES)
    def build(self, shelf):
        build_index(dataset_of(shelf), self.toy, self.index_dir)
        self.held = dict(shelf)
        self.reader = GalleryIndex.load(self.index_dir)
        self.read = dict(shelf)

    @rule(shelf=SHELVES)
    def add(self, shelf):
        result = add_images(self.index_dir, dataset_of(shelf), self.toy)
        assert result.added == len(shelf.keys() - self.held.keys())
        differing = {i for i in shelf if i in self.held and self.held[i] != shelf[i]}
        assert set(result.differing) == differing
        self.held = {**shelf, **self.held}

    @rule(ids=st.lists(IDS, min_size=1, max_size=6))
    def remove(self, ids):
        result = remove_images(self.index_dir, ids, missing_ok=True)
        assert result.removed == len(self.held.keys() & set(ids))
        assert set(result.absent) == set(ids) - self.held.keys()
        self.held = {i: n for i, n in self.held.items() if i not in ids}

    @rule(shelf=SHELVES)
    def update(self, shelf):
        result = update_images(self.index_dir, [dataset_of(shelf)], self.toy)
        assert result.added == len(shelf.keys() - self.held.keys())
        assert result.removed == len(self.held.keys() - shelf.keys())
        assert result.changed == sum(self.held.get(i, n) != n for i, n in shelf.items())
        assert result.embedded <= len(set(shelf.values()) - set(self.held.values())) * len(shelf)
        self.held = dict(shelf)

    @rule()
    def compact(self):
        result = compact_index(self.index_dir)
        assert result.segments == min(1, len(self.held))

    @rule(shelf=SHELVES)
    def merge(self, shelf):
        other = self.folder / "other"
        build_index(dataset_of(shelf), self.toy, other)
        merge_indexes([other], self.index_dir)
        self.held = {**shelf, **self.held}

    @rule()
    def open_reader(self):
        self.reader = GalleryIndex.load(self.index_dir)
        self.read = dict(self.held)

    @invariant()
    def equal(self):
        if self.reader:
            _equal(GalleryIndex.load(self.index_dir), self.held, self.toy)

    @invariant()
    def reader_keeps_what_it_opened(self):
        if self.reader:
            _equal(self.reader, self.read, self.toy)

    @invariant()
    def whole(self):
        if self.reader:
            result = verify_index(self.index_dir)
            assert result.ok, result.problems
            assert result.unnamed == ()


def _equal(index, held, toy):
    ids = index.items.column("id")
    assert sorted(ids) == sorted(held)
    if not ids:
        return
    pixels = [picture(held[i]) for i in ids]
    assert index.items.column("content_hash") == [content_hash(p) for p in pixels]
    expected = toy.embed_images(pixels)
    np.testing.assert_allclose(index.embeddings(), expected, atol=1e-6)
    queries = toy.embed_images([picture(n) for n in range(3)])
    top_k = min(4, len(ids))
    found = index.search(queries, top_k)
    similarities = queries @ expected.T
    best = -np.sort(-similarities, axis=1)[:, :top_k]
    np.testing.assert_allclose(found.similarities, best, atol=1e-5)
    taken = np.take_along_axis(similarities, found.rows, axis=1)
    np.testing.assert_allclose(found.similarities, taken, atol=1e-5)


IndexBesideADict.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestIndexBesideADict = IndexBesideADict.TestCase
