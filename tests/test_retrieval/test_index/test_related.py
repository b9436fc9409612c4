import numpy as np
import pytest
from test_retrieval.toy_encoder import ToyEncoder

from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.index.related import copies_of, related_ids
from retrieval.search.queries import id_search


@pytest.fixture(scope="module")
def index(shelf):
    """Five images: a and b share pixels, b and c a patient, d and e have no patient."""
    rows = [("a", "1", "p"), ("b", "1", "q"), ("c", "2", "q"), ("d", "3", None), ("e", "4", "")]
    items = [Item(id=i, content_hash=h, path=f"{i}.png", group=g) for i, h, g in rows]
    about = IndexDescription(
        name="five", encoder=ToyEncoder().fingerprint, count=5, dataset="d", dataset_source="d"
    )
    vectors = np.eye(5, 9, dtype=np.float32)
    return shelf.keep(GalleryIndex.from_embeddings(vectors, Items.from_items(items), about))


def test_same_pixels_and_same_patient_are_related(index):
    assert related_ids(index, record_id="c") == ["b", "c"]
    assert related_ids(index, record_id="a") == ["a", "b", "c"]
    assert related_ids(index, digest="1") == ["a", "b", "c"]
    assert related_ids(index, digest="3", record_id="c") == ["b", "c", "d"]
    assert [item.id for item in copies_of(index, "1")] == ["a", "b"]


def test_an_empty_group_relates_nothing(index):
    assert related_ids(index, record_id="d") == ["d"]
    assert related_ids(index, record_id="e") == ["e"]


def test_what_is_not_indexed_has_no_relatives(index):
    assert related_ids(index, digest="9", record_id="z") == []
    assert related_ids(index) == []


def test_id_search_leaves_relatives_out(index):
    result = id_search(index, "a", top_k=2, exclude_ids=related_ids(index, record_id="a"))
    assert {hit.id for hit in result.hits} == {"d", "e"}
