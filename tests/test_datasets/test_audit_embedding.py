import numpy as np
import pytest
from test_datasets.audit_data import draw_image
from test_datasets.planted_copies import shifted

from medx.datasets.audit import thumbnail_embedding
from medx.datasets.audit.thumbnail_embedding import ThumbnailEmbedding, find_neighbours


@pytest.fixture
def thumbnails():
    """Sixty clouds, the last ten of them the first ten moved by 4 %."""
    images = np.stack([draw_image(i, 32) for i in range(50)])
    return np.concatenate([images, np.stack([shifted(0.04)(image) for image in images[:10]])])


def test_vectors_have_length_1_and_ignore_brightness(thumbnails):
    embedding = ThumbnailEmbedding(thumbnails)
    vectors = embedding.embed(thumbnails)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    dimmed = embedding.embed((thumbnails * 0.5 + 30).astype(np.uint8))
    assert (vectors * dimmed).sum(1).min() > 0.95


def test_moved_copies_are_neighbours_and_nothing_is_its_own(thumbnails):
    found = find_neighbours(thumbnails)
    pairs = {
        (min(p), max(p)) for p in zip(found.first.tolist(), found.second.tolist(), strict=True)
    }
    assert {(i, 50 + i) for i in range(10)} <= pairs
    assert len(pairs) == len(found.first)
    assert (found.first != found.second).all()


def test_a_pair_comes_with_the_way_the_second_lies(thumbnails):
    found = find_neighbours(thumbnails)
    for first, second, move in zip(found.first, found.second, found.shifts, strict=True):
        if {first + 50, second} == {second}:
            assert tuple(np.sign(move)) == (1, -1)  # to the right and up
        if {second + 50, first} == {first}:
            assert tuple(np.sign(move)) != (1, -1)


def test_the_index_of_many_finds_what_the_exact_one_finds(thumbnails, monkeypatch):
    exact = find_neighbours(thumbnails)
    monkeypatch.setattr(thumbnail_embedding, "_FLAT_UP_TO", 10)
    rough = find_neighbours(thumbnails)
    first = set(zip(exact.first.tolist(), exact.second.tolist(), strict=True))
    assert len(
        first & set(zip(rough.first.tolist(), rough.second.tolist(), strict=True))
    ) > 0.9 * len(first)


def test_two_flat_images_do_no_harm():
    found = find_neighbours(np.full((2, 32, 32), 7, np.uint8))
    assert len(found.first) == 0
