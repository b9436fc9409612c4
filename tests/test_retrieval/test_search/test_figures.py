import shutil

import numpy as np
import pytest
from PIL import Image

from medx.core.errors import DataUnavailableError, InputError
from medx.core.images import read_image
from medx.datasets.manifest_files import load_manifest
from retrieval.build import build_index
from retrieval.config import SearchConfig
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.figures import save_search_figure
from retrieval.search.pictures import collect_pictures, read_images
from retrieval.search.query import picture, words
from retrieval.search.search import search


@pytest.fixture
def copied(two_class, toy, tmp_path):
    """A copy of the dataset that may be changed, and its index."""
    folder = shutil.copytree(two_class, tmp_path / "copy")
    build_index(load_manifest(folder), toy, tmp_path / "copy-toy")
    return folder, GalleryIndex.load(tmp_path / "copy-toy")


def figure(index, toy, query, path, **options):
    answer = search(index, lambda: toy, query, SearchConfig(**options))
    return save_search_figure(answer.result, collect_pictures(index, answer), path)


def test_contact_sheet_grows_with_the_hits(toy_index, toy, tmp_path):
    few = figure(toy_index, toy, words("normal"), tmp_path / "few.png", top_k=2)
    many = figure(toy_index, toy, words("normal"), tmp_path / "many.png", top_k=10)
    assert read_image(many).native_size[0] > read_image(few).native_size[0]


def test_query_stands_before_its_hits(toy_index, toy, tmp_path):
    alone = figure(toy_index, toy, words("normal"), tmp_path / "a.png", top_k=4)
    query = picture(np.full((28, 28), 200, np.uint8))
    beside = figure(toy_index, toy, query, tmp_path / "b.png", top_k=4)
    assert read_image(beside).native_size[1] > read_image(alone).native_size[1]


def test_images_are_those_that_were_indexed(copied):
    folder, index = copied
    pixels = read_images(index, ["val-normal-002"])[0]
    np.testing.assert_array_equal(pixels, read_image(folder / "images/val-normal-002.png").pixels)


def test_changed_images_are_not_shown(copied):
    folder, index = copied
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(folder / "images/val-normal-002.png")
    with pytest.raises(InputError, match="has changed since"):
        read_images(index, ["val-normal-002"])


def test_lost_dataset_is_named(copied):
    folder, index = copied
    shutil.rmtree(folder)
    with pytest.raises(DataUnavailableError, match="no dataset folder"):
        read_images(index, ["val-normal-002"])
