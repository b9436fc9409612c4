import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_retrieval.toy_encoder import ToyEncoder

from retrieval.encoders.base import UnknownWords, normalize


@given(st.integers(1, 7), st.integers(1, 20))
def test_batches_do_not_change_embeddings(batch_size, count):
    images = list(np.random.default_rng(count).integers(0, 255, (count, 9, 9), np.uint8))
    whole = ToyEncoder().embed_images(images, batch_size=64)
    parts = ToyEncoder().embed_images(images, batch_size=batch_size)
    np.testing.assert_array_equal(whole, parts)


def test_embeddings_have_unit_length(toy):
    images = [np.full((9, 9), 7, np.uint8), np.zeros((12, 30, 3), np.uint8)]
    embeddings = toy.embed_images(images)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (2, 9)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(toy.embed_texts(["ring"]), axis=1), 1.0, rtol=1e-6)


def test_no_images_give_no_rows(toy):
    assert toy.embed_images([]).shape == (0, 9)


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9)), np.zeros(9, np.uint8), np.zeros((0, 9), np.uint8)]
)
def test_what_cannot_be_an_image_is_refused(toy, image):
    with pytest.raises(ValueError, match="uint8"):
        toy.embed_images([image])


def test_batch_size_below_one_is_refused(toy):
    with pytest.raises(ValueError, match="batch_size must be >= 1, got 0"):
        toy.embed_texts(["ring"], batch_size=0)


def test_normalize_keeps_zero_rows_and_refuses_nan():
    rows = normalize(np.array([[0.0, 0.0], [3.0, 4.0]]))
    np.testing.assert_allclose(rows, [[0, 0], [0.6, 0.8]], rtol=1e-6)
    with pytest.raises(ValueError, match="finite"):
        normalize(np.array([[np.nan, 1.0]]))


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_rows_of_any_length_reach_unit_length(scale):
    rows = normalize(np.array([[3.0, 4.0]]) * scale)
    np.testing.assert_allclose(rows, [[0.6, 0.8]], rtol=1e-6)


def test_unknown_words_warn_in_words():
    assert UnknownWords().warning is None
    assert "only the other words count" in UnknownWords(words=("foo",)).warning
    assert (
        "'foo': these hits do not answer" in UnknownWords(words=("foo",), all_unknown=True).warning
    )
    assert "names nothing" in UnknownWords(all_unknown=True).warning
