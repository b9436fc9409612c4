"""Verdicts on made-up reports, each with the evidence that decides it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from medx.core.values import Hit, Prediction
from reportgen.agreement.check import check_agreement
from reportgen.agreement.results import Verdict
from reportgen.evidence import Evidence, HeatMapFact

CASES = yaml.safe_load((Path(__file__).parent / "known_answers.yaml").read_text(encoding="utf-8"))


def _prediction(case):
    classes = case.get("classes")
    if "call" in case:
        label, probability = case["call"]
        positive = probability if label == "pneumonia" else 1 - probability
        classes = {"normal": 1 - positive, "pneumonia": positive}
    if classes is None:
        return None
    flags = ("abstain", "conformal_set", "out_of_distribution")
    return Prediction(
        id="x",
        probabilities=classes,
        label=case["call"][0] if "call" in case else max(classes, key=classes.get),
        operating_point=case.get("operating_point", 0.43 if "call" in case else None),
        classifier="toy",
        **{name: case[name] for name in flags if name in case},
    )


def _hits(case):
    told = [n if isinstance(n, list) else [n, None] for n in case.get("neighbours", [])]
    return [
        Hit(rank=i, id=f"t{i}", similarity=0.9, label=label, text=text)
        for i, (label, text) in enumerate(told, start=1)
    ]


def _evidence(case):
    zone = case.get("heatmap")
    return Evidence(
        image_id="x",
        dataset=case.get("dataset", "toy"),
        modality=case.get("modality", "chest radiograph"),
        image_size=(512, 512),
        prediction=_prediction(case),
        heatmap=zone
        and HeatMapFact(label="pneumonia", method="gradcam", peak=(0.5, 0.5), zone=zone),
        neighbours=_hits(case),
        notes=case.get("notes", []),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_verdict_is_a_careful_readers(case):
    evidence, text = _evidence(case), case["text"]
    if case.get("copy_evidence"):
        text = text.format(**{item.id: item.statement for item in evidence.items()})
    agreement = check_agreement(text, evidence)
    given = {claim.finding: claim for claim in agreement.claims}
    assert {name: claim.verdict.value for name, claim in given.items()} == {
        name: verdict for name, (verdict, _) in case["claims"].items()
    }
    for name, (_, words) in case["claims"].items():
        assert words in given[name].reason
    expected = case.get("omitted", [])
    assert len(agreement.omitted) == len(expected)
    assert all(words in line for words, line in zip(expected, agreement.omitted, strict=True))


def test_every_verdict_is_among_the_answers():
    told = [verdict for case in CASES for verdict, _ in case["claims"].values()]
    assert {told.count(v.value) > 10 for v in Verdict} == {True}


def test_a_claim_shows_its_words_and_its_witnesses(make_evidence):
    text = "FINDINGS: A right pneumonia.\nIMPRESSION: As above."
    (claim,) = check_agreement(text, make_evidence()).claims
    assert text[claim.start : claim.end] == "pneumonia"
    assert (claim.side.value, claim.supported_by, claim.contradicted_by) == (
        "right",
        ["P1", "N1", "N2", "N4"],
        ["N3"],
    )
