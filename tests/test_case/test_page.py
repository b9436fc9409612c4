import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from medx.case.page import render_case
from medx.core.values import Hit
from reportgen.agreement.results import VERDICTS, Agreement, Claim, Verdict
from reportgen.labeler.finding import Status

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.inline, self._open = [], {"script": [], "style": []}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inline:
            self.inline[tag].append("")

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open in self.inline:
            self.inline[self._open][-1] += data

    def ids(self):
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]

    def policy(self):
        return next(a["content"] for _, a in self.elements if "http-equiv" in a)


def words(page):
    bare = re.sub(r"<(script|style)>.*?</\1>|<[^>]+>", " ", page, flags=re.S)
    return " ".join(bare.split())


@pytest.fixture
def study(bench, film):
    return bench.study(film)


def changed(study, *, claims=(), **fields):
    """Return a study with other facts, and with other claims of its report."""
    result = study.result
    if claims:
        report = result.report.model_copy(update={"agreement": Agreement(claims=list(claims))})
        fields["report"] = report
    return replace(study, result=result.model_copy(update=fields))


def claim(study, verdict, words="MOCK REPORT", **fields):
    start = study.result.report.text.index(words)
    return Claim(
        finding="Pneumonia", status=Status.present, start=start, end=start + len(words),
        verdict=verdict, reason="because of this", **fields,
    )  # fmt: skip


def test_a_page_needs_nothing_else_and_lets_only_its_own_script_run(study):
    page = Page(render_case(study))
    for tag, attrs in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attrs), (tag, attrs)
        for name in ("src", "href", "action", "srcset"):
            assert not attrs.get(name) or attrs[name].startswith(("#", "data:image/png;base64,"))
    policy = page.policy()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for kind, texts in page.inline.items():
        (text,) = texts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
        assert "http" not in text


def test_hostile_text_stays_text(study):
    hit = Hit(rank=1, id=HOSTILE, similarity=0.5, label=HOSTILE, split=HOSTILE, text=HOSTILE)
    report = study.result.report.model_copy(
        update={"text": f"{study.result.report.text} {HOSTILE}", "prompt": HOSTILE}
    )
    bad = changed(
        study,
        image_id=HOSTILE,
        modality=HOSTILE,
        neighbours=[hit],
        report=report,
        warnings=[HOSTILE],
        provenance={HOSTILE: HOSTILE},
    )
    page = Page(render_case(bad))
    assert len(page.inline["script"]) == 1
    assert "alert" not in page.inline["script"][0]
    assert not any("onerror" in attrs for _, attrs in page.elements)


def test_every_link_leads_to_one_place_and_every_neighbour_is_there(study):
    page = Page(render_case(study))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    links = {attrs["href"][1:] for tag, attrs in page.elements if tag == "a" and "href" in attrs}
    assert {"P1", "N1"} <= links <= set(ids)
    assert {f"N{n}" for n in range(1, 6)} <= set(ids)
    assert ("H1" in ids) == (study.result.heatmap is not None)


@pytest.mark.parametrize(
    ("verdict", "sign"),
    [(Verdict.agree, "✓"), (Verdict.contradict, "✗"), (Verdict.unsupported, "?")],
)
def test_claims_carry_sign_word_and_reason(study, verdict, sign):
    given = claim(study, verdict, supported_by=["P1"], contradicted_by=["N1"])
    text = words(render_case(changed(study, claims=[given])))
    assert f"MOCK REPORT {sign}1" in text
    assert f"{sign}1 {VERDICTS[verdict]} Pneumonia: present . Because of this." in text
    assert "For: P1 ." in text
    assert "Against: N1 ." in text


def test_what_limits_a_case_is_in_view(study):
    text = words(render_case(study))
    assert text.count("Research use only, not for clinical use.") >= 2
    assert "MOCK REPORT: no model looked at the image." in text
    assert "SYNTHETIC ARCHIVE" in text
    real = changed(study, is_mock=False, synthetic_source=False, synthetic=False)
    assert "MOCK REPORT: no model" not in words(render_case(real))
    assert "SYNTHETIC" not in words(render_case(real))


def test_a_case_without_a_report_says_why(bench):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    page = render_case(bench.study(noise))
    text = words(page)
    assert "Not reported." in text
    assert "UNLIKE the training images" in text
    assert 'class="call doubtful"' in page
    assert "N5" in Page(page).ids()


def test_the_threshold_is_drawn_where_it_lies(study):
    prediction = study.result.prediction.model_copy(
        update={
            "probabilities": {"normal": 0.28, "pneumonia": 0.72}, "label": "pneumonia",
            "operating_point": 0.415, "conformal_set": ["normal", "pneumonia"],
        }
    )  # fmt: skip
    text = render_case(changed(study, prediction=prediction))
    elements = Page(text).elements
    (line,) = [attrs for tag, attrs in elements if tag == "line"]
    assert (line["x1"], line["x2"]) == ("41.50", "41.50")
    bars = [a["width"] for t, a in elements if t == "rect" and a["class"].startswith("fill")]
    assert bars == ["72.00", "28.00"]
    assert "Normal and pneumonia both remain possible at 95 %." in words(text)
