"""How the mock words what supports its reading and what contradicts it."""

from __future__ import annotations

from collections.abc import Iterator

from reportgen.engines.mock_facts import Facts, capital, cite
from reportgen.engines.mock_ranked import images
from reportgen.evidence import MAX_CLASSES, foreign
from reportgen.labels import is_normal

MAX_FINDINGS = 3


def write_evidence(facts: Facts) -> str:
    """Return one sentence for what supports, one for what contradicts, and the doubts."""
    if facts.label is None:
        return "No evidence was given that speaks for any reading."
    reading = facts.reading(facts.label)
    supporting = "; ".join(_supporting(facts, facts.label)) or "nothing"
    contradicting = "; ".join(_contradicting(facts, facts.label)) or "nothing in the evidence"
    sentences = [f"Supports {reading}: {supporting}", f"contradicts it: {contradicting}"]
    return " ".join(f"{capital(s)}." for s in (*sentences, *_others(facts), *_doubts(facts)))


def _supporting(facts: Facts, label: str) -> Iterator[str]:
    probability = facts.probability(label)
    if probability is not None:
        yield f"the classifier's probability of {probability:.2f} [P1]"
    heatmap = facts.evidence.heatmap
    if heatmap and heatmap.label == label and not is_normal(label):
        patient = f", the patient's {facts.place} if frontal" if facts.place else ""
        yield f"its heat-map, highest at the {heatmap.zone} as seen{patient} [H1]"
    if ids := facts.agreeing(label):
        yield f"{images(len(ids))} labelled so {cite(ids)}"
    for finding, ids in facts.stated().items():
        if finding is facts.finding:
            yield f"stated in reports of similar archived images {cite(ids)}"


def _contradicting(facts: Facts, label: str) -> Iterator[str]:
    probability = facts.probability(label)
    if probability is not None and 1 - probability >= 0.10:
        yield f"the classifier leaves {1 - probability:.2f} to other readings [P1]"
    heatmap = facts.evidence.heatmap
    if heatmap and heatmap.label != label and not is_normal(heatmap.label):
        name = foreign(heatmap.label)
        yield f"a heat-map of {name}, highest at the {heatmap.zone} as seen [H1]"
    if ids := facts.differing(label):
        yield f"{images(len(ids))} labelled otherwise {cite(ids)}"


def _others(facts: Facts) -> Iterator[str]:
    told = [(f, ids) for f, ids in facts.stated().items() if f is not facts.finding][:MAX_FINDINGS]
    if told:
        words = ", ".join(f"{finding.value.lower()} {cite(ids)}" for finding, ids in told)
        yield f"reports of similar archived images also state {words}"


def _doubts(facts: Facts) -> Iterator[str]:
    prediction = facts.evidence.prediction
    if facts.rival():
        yield "classifier and neighbours disagree"
    if prediction is None:
        return
    names = prediction.conformal_set or []
    if len(names) > 1 and prediction.conformal_level is not None:
        told = ", ".join(map(foreign, names[:MAX_CLASSES]))
        yield f"at {prediction.conformal_level:.0%} the classifier cannot tell {told} apart [P1]"
    if prediction.out_of_distribution:
        yield "the image is unlike those the classifier was trained on [P1]"
