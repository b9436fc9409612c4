"""A gallery outlives its server: written before a restart, asked after it (``milvus_server``)."""

import os

import numpy as np
import pytest
from test_retrieval.backends import SERVER
from test_retrieval.test_index.test_gallery_index import make_index

from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.store import write_gallery
from retrieval.place import load_index
from retrieval.store.remove import remove_images
from retrieval.store.verify import verify_index

PHASE = os.environ.get("MEDX_TEST_MILVUS_PHASE")
PLACE = MilvusPlace(SERVER or "", "milvus that restarts")


@pytest.mark.skipif(PHASE != "before", reason="no server is about to be started again")
def test_milvus_before():
    index = make_index(50)
    write_gallery(PLACE, index.batches(), index.description)
    remove_images(PLACE, ["i3", "i4"])
    assert len(load_index(PLACE)) == 48


@pytest.mark.skipif(PHASE != "after", reason="no server was started again")
def test_milvus_after():
    index = make_index(50).subset(np.array([0, 1, 2, *range(5, 50)]))
    gallery = load_index(PLACE)
    assert gallery.description.encoder == index.description.encoder
    assert gallery.items.table.equals(index.items.table)
    asked = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
    found = gallery.search(asked, 5, split="val")
    np.testing.assert_array_equal(found.rows, index.search(asked, 5, split="val").rows)
    assert verify_index(PLACE).ok
