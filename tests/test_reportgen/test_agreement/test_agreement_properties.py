"""What must hold of verdicts whatever the report and the evidence."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medx.core.values import Hit, Prediction
from reportgen.agreement.check import check_agreement
from reportgen.agreement.guards import check_text
from reportgen.agreement.results import Verdict, WarningKind
from reportgen.evidence import Evidence, HeatMapFact

SIDES = st.sampled_from(["left", "right"])
NAMES = st.sampled_from(["pneumonia", "pleural effusion", "consolidation", "pneumothorax"])
ZONES = st.sampled_from(["upper left", "lower right", "left", "centre", "upper centre"])
quick = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@st.composite
def sentences(draw):
    name, side = draw(NAMES), draw(SIDES)
    return draw(
        st.sampled_from(
            [
                f"There is a {side} {name}.",
                f"No {name}.",
                f"Possible {side} {name}.",
                f"Findings suggest {name} on the {side}.",
                f"A {side} but no {'left' if side == 'right' else 'right'} {name}.",
                "Normal chest radiograph.",
                "The lungs are clear.",
            ]
        )
    )


texts = st.lists(sentences(), min_size=1, max_size=3).map(" ".join)
labels = st.sampled_from(["pneumonia", "normal", "pleural effusion", None])
neighbours = st.lists(st.tuples(labels, st.none() | sentences()), max_size=6)


@st.composite
def predictions(draw):
    probability = draw(st.floats(0.01, 0.99))
    point = draw(st.sampled_from([0.1, 0.5, 0.7]))
    return Prediction(
        id="x",
        probabilities={"normal": 1 - probability, "pneumonia": probability},
        label="pneumonia" if probability >= point else "normal",
        operating_point=point,
        classifier="toy",
        abstain=draw(st.booleans()),
    )


@st.composite
def evidences(draw):
    zone = draw(st.none() | ZONES)
    return Evidence(
        image_id="x",
        dataset="toy",
        modality="chest radiograph",
        image_size=(512, 512),
        prediction=draw(st.none() | predictions()),
        heatmap=zone
        and HeatMapFact(label="pneumonia", method="gradcam", peak=(0.5, 0.5), zone=zone),
        neighbours=hits(draw(neighbours)),
    )


def hits(told):
    return [
        Hit(rank=i, id=f"t{i}", similarity=0.9, label=label, text=text)
        for i, (label, text) in enumerate(told, start=1)
    ]


def mirrored(text):
    other = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda m: other[m[0]], text)


def verdicts(text, evidence):
    agreement = check_agreement(text, evidence)
    return [(c.finding, c.status, c.side, c.verdict) for c in agreement.claims]


@quick
@given(texts, evidences(), st.randoms(use_true_random=False))
def test_the_order_of_neighbours_does_not_matter(text, evidence, random):
    shuffled = list(evidence.neighbours)
    random.shuffle(shuffled)
    other = evidence.model_copy(update={"neighbours": shuffled})
    assert verdicts(text, evidence) == verdicts(text, other)
    assert len(check_agreement(text, evidence).omitted) == len(check_agreement(text, other).omitted)


@quick
@given(texts, evidences())
def test_a_mirrored_report_on_mirrored_evidence_has_mirrored_sides(text, evidence):
    turned = [
        h.model_copy(update={"text": h.text and mirrored(h.text)}) for h in evidence.neighbours
    ]
    heatmap = evidence.heatmap
    if heatmap:
        heatmap = heatmap.model_copy(update={"zone": mirrored(heatmap.zone)})
    other = evidence.model_copy(update={"neighbours": turned, "heatmap": heatmap})
    expected = [
        (finding, status, side and mirrored(side.value), verdict)
        for finding, status, side, verdict in verdicts(text, evidence)
    ]
    found = verdicts(mirrored(text), other)
    assert [(f, s, side and side.value, v) for f, s, side, v in found] == expected
    kinds = [w.kind for w in check_text(text, evidence, cut_off=False)]
    assert [w.kind for w in check_text(mirrored(text), other, cut_off=False)] == kinds


@quick
@given(sentences(), evidences(), labels, st.none() | sentences())
def test_one_more_supporter_never_turns_agreement_into_contradiction(text, evidence, label, told):
    before = check_agreement(text, evidence).claims
    more = evidence.neighbours + hits([(label, told)])
    new = f"N{len(more)}"
    claims = check_agreement(text, evidence.model_copy(update={"neighbours": more})).claims
    for old, claim in zip(before, claims, strict=True):
        if new in claim.supported_by and old.verdict is Verdict.agree:
            assert claim.verdict is not Verdict.contradict
        if new in claim.supported_by and old.verdict is Verdict.unsupported:
            assert claim.verdict is not Verdict.contradict


@quick
@given(texts, evidences())
def test_every_claim_has_a_reason_and_witnesses_that_exist(text, evidence):
    known = {item.id for item in evidence.items()}
    for claim in check_agreement(text, evidence).claims:
        assert claim.reason
        assert 0 <= claim.start < claim.end <= len(text)
        assert set(claim.supported_by) | set(claim.contradicted_by) <= known
        assert not set(claim.supported_by) & set(claim.contradicted_by)
        if claim.verdict is Verdict.agree:
            assert claim.supported_by
        if claim.verdict is Verdict.contradict:
            assert claim.contradicted_by


@quick
@given(st.text(max_size=400), evidences())
def test_any_text_is_checked(text, evidence):
    check_agreement(text, evidence)
    kinds = {w.kind for w in check_text(text, evidence, cut_off=False, prompt=text[::-1])}
    assert (WarningKind.non_answer in kinds) or any(letter.isalpha() for letter in text)
