"""The toy encoder, registered as any encoder is, and small indexes built by it."""

import pytest
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.registry import Entry
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.encoders import ENCODERS
from retrieval.index.gallery_index import GalleryIndex

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


@pytest.fixture
def toy_index(toy_index_dir):
    return GalleryIndex.load(toy_index_dir)
