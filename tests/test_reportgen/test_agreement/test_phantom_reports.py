"""Reference reports of phantoms against right evidence and against wrong evidence."""

from __future__ import annotations

from collections import Counter

import pytest

from medx.core.values import Hit, Prediction
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import generate_phantoms
from reportgen.agreement.check import check_agreement
from reportgen.agreement.results import Verdict
from reportgen.evidence import Evidence
from reportgen.labeler.finding import Status


@pytest.fixture(scope="module")
def phantoms():
    config = PhantomConfig(count=120, size=16, seed=11, co_occurrence=0.2)
    return list(generate_phantoms(config, workers=1))


def main_class(phantom):
    return phantom.findings[0].name if phantom.findings else "normal"


@pytest.fixture
def check(phantoms):
    """Check a phantom's report when classifier and neighbours say ``label``."""
    classes = sorted({main_class(phantom) for phantom in phantoms})

    def read(phantom, label):
        rest = 0.1 / (len(classes) - 1)
        alike = [p for p in phantoms if main_class(p) == label and p is not phantom]
        evidence = Evidence(
            image_id="x",
            dataset="phantom-cxr",
            modality="synthetic chest radiograph",
            image_size=(256, 256),
            synthetic=True,
            prediction=Prediction(
                id="x",
                probabilities={name: 0.9 if name == label else rest for name in classes},
                label=label,
                operating_point=None,
                classifier="toy",
            ),
            neighbours=[
                Hit(rank=i, id=f"t{i}", similarity=0.9, label=label, text=p.report)
                for i, p in enumerate(alike[:5], start=1)
            ],
        )
        return check_agreement(phantom.report, evidence)

    return read


def test_right_evidence_contradicts_no_true_report(phantoms, check):
    told = Counter()
    for phantom in phantoms:
        agreement = check(phantom, main_class(phantom))
        assert agreement.count(Verdict.contradict) == 0, phantom.report
        assert agreement.omitted == []
        told.update(claim.verdict for claim in agreement.claims)
    assert told[Verdict.agree] > 5 * told[Verdict.unsupported]


def test_evidence_of_a_normal_image_contradicts_what_a_report_finds(phantoms, check):
    sick = [phantom for phantom in phantoms if phantom.findings]
    assert len(sick) > 60
    for phantom in sick:
        claims = check(phantom, "normal").claims
        stated = [claim for claim in claims if claim.status is not Status.absent]
        assert stated
        assert {claim.verdict for claim in stated} == {Verdict.contradict}


def test_evidence_of_a_finding_contradicts_a_normal_report(phantoms, check):
    for phantom in (p for p in phantoms if not p.findings):
        agreement = check(phantom, "pneumothorax")
        verdicts = {claim.finding: claim.verdict for claim in agreement.claims}
        stated = {"Pneumothorax", "No Finding"} & set(verdicts)
        assert all(verdicts[name] is Verdict.contradict for name in stated)
        assert stated
