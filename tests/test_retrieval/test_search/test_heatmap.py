import numpy as np
import pytest
from test_retrieval.toy_encoder import ToyEncoder

from medx.core.errors import InputError
from retrieval.config import SearchConfig
from retrieval.search.expression import parse_query
from retrieval.search.heatmap import HeatMaps, colour_map, lay_over, map_similarities
from retrieval.search.query import like, words
from retrieval.search.search import search


class Where(ToyEncoder):
    """Its patches are the ninths: each one's own direction, as bright as it is."""

    def _embed_patches(self, pixels):
        grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
        ninths = [np.array_split(part, 3, axis=1) for part in np.array_split(grey, 3, axis=0)]
        places = np.full((3, 3, self.dim), 20.0)
        for i in range(9):
            places[i // 3, i % 3, i] += 4 * ninths[i // 3][i % 3].mean()
        return places

    def patch_area(self, height, width):
        return (0.0, 0.25, 1.0, 0.75) if width > height else (0.0, 0.0, 1.0, 1.0)


@pytest.fixture
def where():
    return Where()


def answer(index, encoder, query):
    return search(index, lambda: encoder, query, SearchConfig(top_k=3))


def test_words_are_found_where_they_are(toy_index, where, two_class):
    from medx.core.images import read_image

    for text, place in (("normal", (0, 0)), ("pneumonia", (0, 1))):
        pixels = read_image(two_class / "images" / f"test-{text}-001.png").pixels
        query = answer(toy_index, where, words(text)).query
        values = map_similarities(where, query, [pixels]).values[0]
        assert values.shape == (3, 3)
        assert np.unravel_index(values.argmax(), values.shape) == place


def test_only_the_words_of_a_query_count(toy_index, where):
    image = np.zeros((28, 28), np.uint8)
    alone = answer(toy_index, where, words("normal")).query
    beside = answer(toy_index, where, parse_query('"normal" + 3 * test-normal-001')).query
    for one, other in zip(
        map_similarities(where, alone, [image]).values,
        map_similarities(where, beside, [image]).values,
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_queries_without_words_and_encoders_without_places(toy_index, toy, where):
    image = np.zeros((28, 28), np.uint8)
    with pytest.raises(InputError, match="this query has none"):
        map_similarities(where, answer(toy_index, where, like("test-normal-001")).query, [image])
    with pytest.raises(InputError, match="cannot show where"):
        map_similarities(toy, answer(toy_index, toy, words("normal")).query, [image])


def test_colour_begins_at_the_middle_of_the_scale():
    colours = colour_map(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32), 0.2, 0.4)
    assert colours[0, :, 3].tolist() == [0, 0, 77, 153]
    flat = colour_map(np.full((2, 2), 0.3, np.float32), 0.3, 0.3)
    assert not flat[..., 3].any()


def test_a_map_covers_its_area_only():
    pixels = np.full((20, 40), 100, np.uint8)
    maps = HeatMaps(
        values=(np.ones((2, 2), np.float32),), areas=((0.0, 0.25, 1.0, 0.75),), low=0.0, high=1.0
    )
    covered = lay_over(pixels, maps, 0)
    changed = (covered != 100).any(axis=(0, 2))
    width = covered.shape[1]
    assert changed[width // 4 : 3 * width // 4].all()
    assert not changed[: width // 4].any()
    assert not changed[3 * width // 4 :].any()
