"""The pages of a run: whole, safe, and readable without colour."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medx.core.settings import DISCLAIMER
from medx.core.values import HeatMap, Hit
from reportgen.agreement.results import Agreement, Claim, Verdict
from reportgen.evidence import HeatMapFact
from reportgen.generate import generate_reports
from reportgen.labeler.finding import Status
from reportgen.marked_text import mark_text
from reportgen.report_files import read_report

TEXT = "FINDINGS: Consolidation [P1, N2]. No pneumothorax.\nIMPRESSION: No pneumonia [P1]."
HOSTILE = "<script>alert('x')</script> \"><img src=http://evil.example/x onerror=y>"
VOID = {"meta", "img", "br", "input", "link", "hr"}


class Page(HTMLParser):
    """Collects ids and links, and fails on tags that do not close."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.tags, self.words = [], [], [], set(), []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href"):
                self.links.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def page(tmp_path, scripted, strategies):
    """Write a run and read its HTML page."""

    def build(items, *replies, **options):
        neighbours = options.pop("neighbours", lambda hit: np.full((20, 20), 90, np.uint8))
        generate_reports(
            items, [strategies["concise"]], scripted(*replies, **options), tmp_path,
            neighbours=neighbours,
        )  # fmt: skip
        return (tmp_path / "reports.html").read_text()

    return build


@pytest.fixture
def mapped_items(make_items):
    """One image with a heat-map."""
    values = np.zeros((7, 7), np.float32)
    values[1, 1] = 1
    place = {"label": "pneumonia", "method": "gradcam", "peak": (0.2, 0.2), "zone": "upper left"}
    (item,) = make_items(1, heatmap=HeatMapFact(**place), index="two (toy abc)")
    heatmap = HeatMap(id="case-0", classifier="toy", values=values, **place)
    return [replace(item, heatmap=heatmap)]


def test_a_page_is_well_formed_and_needs_no_other_server(page, mapped_items):
    text = page(mapped_items, TEXT)
    read = Page(text)
    assert "script" not in read.tags
    assert len(read.ids) == len(set(read.ids))
    outside = [
        x
        for x in read.links
        if not x.startswith(("data:image/", "#", "images/", "heatmaps/", "reports"))
    ]
    assert outside == []
    assert not re.search(r"https?:|@import|url\(", text)


def test_citations_lead_to_their_evidence(page, mapped_items):
    read = Page(page(mapped_items, TEXT))
    targets = [link[1:] for link in read.links if link.startswith("#")]
    assert {"i1-P1", "i1-N2"} <= set(targets)
    assert set(targets) <= set(read.ids)


def test_every_verdict_stands_there_in_words_with_its_reason(page, mapped_items):
    read = Page(page(mapped_items, TEXT))
    assert "contradicted" in read.text
    assert "unsupported" in read.text
    assert "the classifier says pneumonia (0.87)" in read.text
    assert read.text.count(DISCLAIMER) == 2


def test_pictures_of_image_heatmap_and_similar_cases_are_in_the_page(page, mapped_items):
    read = Page(page(mapped_items, TEXT))
    assert sum(link.startswith("data:image/") for link in read.links) == 2 + 4
    assert "similar cases" in read.text.lower()


def test_similar_cases_that_are_gone_are_said(page, make_items):
    read = Page(page(make_items(1), TEXT, neighbours=lambda hit: None))
    assert read.text.count("no picture") == 4


def test_the_origin_names_everything_that_made_a_report(page, mapped_items):
    text = Page(page(mapped_items, TEXT)).text
    for part in ("prompt (SHA-256)", "two (toy abc)", "train-1, train-2", "concise, version"):
        assert part in text


def test_nothing_foreign_becomes_markup(page, make_items, make_prediction, tmp_path):
    hit = Hit(rank=1, id=f"n{HOSTILE}", similarity=0.9, label=HOSTILE, text=HOSTILE)
    prediction = make_prediction(
        label=HOSTILE, probabilities={"normal": 0.1, HOSTILE: 0.9}, classifier=HOSTILE
    )
    (item,) = make_items(
        1, image_id=HOSTILE, dataset=HOSTILE, modality=HOSTILE, prediction=prediction,
        neighbours=[hit], notes=[HOSTILE], index=HOSTILE,
    )  # fmt: skip
    item = replace(item, reference_label=HOSTILE)
    text = page([item], f"FINDINGS: {HOSTILE} [P1]\nIMPRESSION: {HOSTILE}")
    read = Page(text)
    assert read.tags.isdisjoint({"script", "iframe", "object"})
    assert not [x for x in read.links if x.startswith(("http", "//", "javascript"))]
    assert "alert('x')" in read.text
    assert "<script" not in (tmp_path / "reports.md").read_text()


@pytest.fixture
def make_items(make_items):
    """Items whose evidence may have another id."""

    def build(count, *, image_id=None, **changes):
        items = make_items(count, **changes)
        if image_id is None:
            return items
        return [
            replace(i, evidence=i.evidence.model_copy(update={"image_id": image_id})) for i in items
        ]

    return build


def test_filters_need_no_script(page, make_items):
    text = page(make_items(2), TEXT, "FINDINGS: Pneumonia [P1].\nIMPRESSION: Pneumonia.")
    assert "with contradictions only (1 of 2)" in Page(text).text
    classes = re.findall(r'<article id="i(\d)" class="([^"]*)"', text)
    assert [(number, "contradicts" in names) for number, names in classes] == [
        ("1", True), ("2", False),
    ]  # fmt: skip
    assert "#contradicting:checked ~ article:not(.contradicts)" in text


def test_pages_of_many_images_lead_to_each_other(page, make_items, tmp_path):
    first = Page(page(make_items(26)))
    second = Page((tmp_path / "reports-2.html").read_text())
    assert "reports-2.html" in first.links
    assert "reports.html" in second.links
    assert second.ids.count("i26") == 1
    assert "[next](reports-2.md)" in (tmp_path / "reports.md").read_text()


def test_verdicts_are_words_in_markdown_too(page, make_items, tmp_path):
    page(make_items(1), TEXT)
    text = (tmp_path / "reports.md").read_text()
    assert re.search(r"Pneumonia: absent – <b>contradicted</b>: the classifier says", text)


spans = st.lists(st.tuples(st.integers(-3, 90), st.integers(-3, 90)), max_size=6)


@pytest.fixture
def report(make_items, scripted, strategies, tmp_path):
    """One report as a run writes it."""
    generate_reports(make_items(1), [strategies["concise"]], scripted(TEXT), tmp_path)
    return read_report(tmp_path / "reports" / "case-0--concise.json")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it never changes
@given(found=spans)
def test_pieces_are_the_text_whatever_claims_overlap(report, found):
    claims = [
        Claim(
            finding="x", status=Status.present, start=start, end=end, verdict=Verdict.agree,
            reason="",
        )
        for start, end in found
    ]  # fmt: skip
    marked = report.model_copy(update={"agreement": Agreement(claims=claims)})
    pieces = mark_text(marked)
    assert "".join(piece.text for piece in pieces) == report.text
    place = 0
    for piece in pieces:
        for number, (start, end) in enumerate(found, start=1):
            inside = start <= place < min(end, len(report.text))
            assert (number in piece.claims) == inside
        place += len(piece.text)
    cited = [piece.evidence for piece in pieces if piece.evidence]
    assert list(dict.fromkeys(cited)) == ["P1", "N2"]
    shown = [
        n for n, (start, end) in enumerate(found, 1) if max(0, start) < min(end, len(report.text))
    ]
    assert sorted(n for piece in pieces for n in piece.ends) == shown
