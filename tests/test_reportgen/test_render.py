import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PILImage

from medx.core.settings import DISCLAIMER
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine
from reportgen.generate import generate_reports
from reportgen.samples import SampleKind

GOOD = "FINDINGS: hazy [P1]\nIMPRESSION: pneumonia likely"


@pytest.fixture
def render(strategies, tmp_path):
    def run(items, chosen, names=("concise",)):
        generate_reports(items, [strategies[n] for n in names], chosen, tmp_path)
        return (tmp_path / "reports.md").read_text()

    return run


def test_a_mock_page_carries_its_banners(render, make_items):
    page = render(make_items(1, synthetic=True), choose_engine(ReportConfig(engine="mock")))
    assert page.count(DISCLAIMER) == 2
    assert "**Mock reports.**" in page
    assert "**Synthetic images.**" in page
    assert "concise (mock)" in page


def test_a_models_page_says_that_nobody_checked(render, make_items, scripted):
    page = render(make_items(1), scripted(GOOD))
    assert "Mock" not in page
    assert "Synthetic" not in page
    assert "none was checked by a person" in page


def test_pictures_are_the_native_pixels(render, make_items, scripted, tmp_path):
    (item,) = make_items(1)
    page = render([item], scripted(GOOD))
    (path,) = re.findall(r'src="([^"]+)"', page)
    assert np.array_equal(np.asarray(PILImage.open(tmp_path / path)), item.pixels)


def test_reports_stand_side_by_side(render, make_items):
    chosen = choose_engine(ReportConfig(engine="mock"))
    page = render(make_items(2), chosen, ("concise", "structured", "differential"))
    assert page.count("<th align") == 6
    assert page.index("## 1. case-0") < page.index("## 2. case-1")
    assert "called &#39;pneumonia&#39; from 0.43 upwards" in page


def test_the_reference_label_is_shown_as_unseen(render, make_items, scripted):
    items = [replace(make_items(1)[0], kind=SampleKind.mistake)]
    page = render(items, scripted(GOOD))
    assert "Reference label (not seen by the engine): <b>normal</b>" in page
    assert "Chosen as: mistake of the classifier" in page


def test_a_text_off_the_contract_is_shown_as_it_came(render, make_items, scripted):
    page = render(make_items(1), scripted("Looks\n\nfine."))
    assert "missing: findings, impression" in page
    assert "Looks<br>fine." in page
    assert "Warning: cites no evidence" in page


def test_a_models_markup_is_shown_not_run(render, make_items, scripted):
    nasty = "FINDINGS: <script>alert(1)</script> [P1]\nIMPRESSION: </td></table>\n\n# Healthy"
    page = render(make_items(1, dataset="a*b_c|<x>"), scripted(nasty))
    assert "<script>" not in page
    assert page.count("</table>") == 2
    assert "\n# Healthy" not in page
    assert r"# Draft reports: a\*b\_c\|&lt;x&gt;" in page


def test_no_blank_line_breaks_a_table(render, make_items):
    chosen = choose_engine(ReportConfig(engine="mock"))
    page = render(make_items(1), chosen, ("concise", "structured", "differential"))
    for table in re.findall(r"<table>.*?</table>", page, re.S):
        assert "\n\n" not in table
