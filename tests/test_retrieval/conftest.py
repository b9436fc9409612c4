"""The toy encoder, registered as any encoder is, and small indexes built by it."""

import pytest
from test_retrieval.backends import SERVER, Shelf
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.registry import Entry
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.encoders import ENCODERS
from retrieval.index.gallery_index import GalleryIndex
from retrieval.milvus.catalog import close_catalogs
from retrieval.milvus.place import MilvusPlace
from retrieval.place import load_index

ENCODERS.register(
    "toy", Entry("test_retrieval.toy_encoder:ToyEncoder", "mean grey value of each ninth")
)


@pytest.fixture
def toy():
    return ToyEncoder()


@pytest.fixture(scope="session")
def toy_index_dir(two_class, tmp_path_factory):
    """An index of 180 images of two classes: train, val and test of 20 and 40 each."""
    folder = tmp_path_factory.mktemp("indexes") / "two-toy"
    build_index(load_dataset(str(two_class)), ToyEncoder(), folder)
    return folder


@pytest.fixture(scope="session")
def toy_index_in(shelf, toy_index_dir):
    return shelf.keep(GalleryIndex.load(toy_index_dir))


@pytest.fixture
def toy_index(shelf, toy_index_dir, toy_index_in):
    """The index of ``toy_index_dir``, opened, in each backend in turn."""
    if shelf.backend == "faiss":
        return GalleryIndex.load(toy_index_dir)
    name = toy_index_in.name
    return load_index(MilvusPlace(toy_index_in.description.uri, name))


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory):
    """A milvus-lite file for the whole session, or the server that the environment names."""
    yield SERVER or str(tmp_path_factory.mktemp("milvus") / "galleries.db")
    close_catalogs()


@pytest.fixture(scope="session", params=["faiss", "milvus"])
def shelf(request, milvus_uri):
    """Each backend in turn."""
    return Shelf(request.param, milvus_uri)


@pytest.fixture(scope="session")
def milvus_shelf(milvus_uri):
    return Shelf("milvus", milvus_uri)
