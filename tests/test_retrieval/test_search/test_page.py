import re
from dataclasses import replace

import numpy as np
import pytest

from medx.core.settings import DISCLAIMER
from retrieval.config import SearchConfig
from retrieval.search.expression import parse_query
from retrieval.search.heatmap import HeatMaps
from retrieval.search.page import save_search_page
from retrieval.search.pictures import collect_pictures
from retrieval.search.query import picture, words
from retrieval.search.search import search


@pytest.fixture
def page(toy_index, toy, tmp_path):
    def write(query, maps=None, **options):
        answer = search(toy_index, lambda: toy, query, SearchConfig(top_k=4, **options))
        pictures = replace(collect_pictures(toy_index, answer), maps=maps)
        path = save_search_page(answer.result, pictures, tmp_path / "page.html")
        return answer.result, path.read_text()

    return write


def test_hits_stand_with_their_own_pictures(page, toy_index, two_class):
    import base64
    import io

    from PIL import Image as PILImage

    from medx.core.images import read_image

    result, text = page(words("normal"))
    cards = re.findall(r'src="data:image/png;base64,([^"]+)" alt="hit (\d+)".*?<b>([\d.>]+)</b>.*?'
                       r'class="label">(\w+)<.*?· ([\w-]+)', text, re.DOTALL)  # fmt: skip
    assert len(cards) == 4
    for hit, (data, rank, similarity, label, name) in zip(result.hits, cards, strict=True):
        assert (str(hit.rank), hit.label, hit.id) == (rank, label, name)
        assert similarity == f"{hit.similarity:.3f}"
        shown = np.asarray(PILImage.open(io.BytesIO(base64.b64decode(data))))
        pixels = read_image(two_class / "images" / f"{hit.id}.png").pixels
        np.testing.assert_array_equal(shown, pixels)


def test_page_needs_no_other_file_and_says_what_it_is(page):
    _, text = page(parse_query('"normal" - 0.5 * test-pneumonia-001'), vote=True, dedup=True)
    addresses = re.findall(r'(?:src|href)="([^"]{0,12})', text)
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    assert text.count(DISCLAIMER) == 2
    assert "Synthetic images" in text
    assert "<script" not in text
    assert "indexed image test-pneumonia-001" in text
    assert "0.5 ×" in text
    assert "A share is no probability" in text


def test_names_of_query_files_stay_out(page, two_class):
    path = two_class / "images" / "test-normal-001.png"
    _, text = page(parse_query(f'"normal" + {path}'))
    assert str(two_class) not in text
    assert "an image of the user" in text
    assert "same pixels as the query" in page(parse_query(str(path)))[1]
    _, text = page(picture(np.zeros((9, 9), np.uint8), "Sommer Anna"))
    assert "Sommer" not in text


def test_words_are_no_markup(page):
    _, text = page(words("<b>normal</b>"))
    assert "<b>normal</b>" not in text
    assert "&lt;b&gt;normal" in text


def test_maps_lie_on_their_area(page):
    maps = HeatMaps(
        values=tuple(np.eye(3, dtype=np.float32) for _ in range(4)),
        areas=((0.0, 0.125, 1.0, 0.875),) * 4,
        low=0.1,
        high=0.4,
    )
    _, text = page(words("normal"), maps=maps)
    assert text.count('class="map"') == 4
    assert "top: 0.000%; left: 12.500%; height: 100.000%; width: 75.000%" in text
    assert "0.10 <i" in text


def test_no_hits(page):
    _, text = page(words("normal"), min_similarity=1.0)
    assert "Nothing." in text
