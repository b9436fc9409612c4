"""How the mock words each section of a report."""

from __future__ import annotations

from collections.abc import Callable

from reportgen.control_tokens import plain_line
from reportgen.engines.mock_facts import Facts, cite, likelihood
from reportgen.modality import modality_of
from reportgen.strategies.base import SectionKind

MAX_READINGS = 4


def _findings(facts: Facts) -> str:
    return f"{facts.classifier_sentence()} {facts.neighbour_sentence()}{_disagreement(facts)}"


def _regions(facts: Facts) -> str:
    """Say what is known of the image as a whole: no evidence places a finding anywhere."""
    regions = modality_of(facts.evidence.modality).regions
    lines = [f"- Overall: {_findings(facts)}"]
    if len(regions) > 1:
        named = _capital(", ".join(regions).lower())
        lines.append(f"- {named}: not assessed, since no evidence speaks of regions.")
    return "\n".join(lines)


def _technique(facts: Facts) -> str:
    height, width = facts.evidence.image_size
    kind = plain_line(facts.evidence.modality) or "medical image"
    kind = f"{kind[:1].upper()}{kind[1:]}"
    if facts.evidence.synthetic and "synthetic" not in kind.lower():
        kind += " (synthetic)"
    return f"{kind}, single image, native resolution {height} × {width} pixels."


def _comparison(_facts: Facts) -> str:
    return "No earlier examination of this patient is available."


def _impression(facts: Facts) -> str:
    label = facts.label
    if label is None:
        return "No impression: there is neither a classifier result nor a labelled neighbour."
    probability = facts.probability(label)
    if probability is None:
        ids, known = facts.agreeing(label), sum(facts.votes().values())
        text = f"{facts.reading(label)} by similarity alone ({len(ids)} of {known} labelled images)"
        return f"{_capital(text)} {cite(ids)}; no probability can be given."
    text = f"{_called(facts, label, probability)} [P1]"
    if rival := facts.rival():
        text += f", but more of the similar archived images are labelled {plain_line(rival)}"
        return f"{text} {cite(facts.agreeing(rival))}: indeterminate."
    return f"{text}, near the operating point." if facts.is_close() else f"{text}."


def _called(facts: Facts, label: str, probability: float) -> str:
    """Name the reading; one called below even odds is said to hang on the operating point."""
    prediction = facts.evidence.prediction
    threshold = prediction.operating_point if prediction else None
    if threshold is not None and probability < 0.5:
        point = f"the operating point of {threshold:.2f}"
        if label != facts.positive:
            other = plain_line(facts.positive or "")
            return f"Called {plain_line(label)}, since {other} stays below {point}"
        return f"Flagged as {plain_line(label)} (probability {probability:.2f}, above {point})"
    name = _capital(facts.reading(label))
    return f"{name} {likelihood(probability)} (probability {probability:.2f})"


def _recommendation(facts: Facts) -> str:
    reader = modality_of(facts.evidence.modality).specialist
    text = f"Reading of the original image by a {reader}, with the clinical picture."
    if min(facts.evidence.image_size) < 256:
        text += " The image at hand is too small for a diagnosis."
    return text


def _differential(facts: Facts) -> str:
    readings = facts.readings()[:MAX_READINGS] or ["abnormal image", "normal image"]
    if len(readings) < 2:
        readings.append("another reading")
    return "\n".join(
        f"{rank}. {_ranked_reading(facts, label)}" for rank, label in enumerate(readings, start=1)
    )


def _ranked_reading(facts: Facts, label: str) -> str:
    probability = facts.probability(label)
    given = "no probability"
    if probability is not None:
        given = f"{likelihood(probability)}, probability {probability:.2f}"
    lines = (facts.reading(label), given, _for(facts, label), _against(facts, label))
    return "{} ({})\nFor: {}\nAgainst: {}".format(*lines)


def _for(facts: Facts, label: str) -> str:
    reasons = []
    probability = facts.probability(label)
    if probability is not None and probability >= 0.10:
        reasons.append(f"classifier probability {probability:.2f} [P1]")
    if ids := facts.agreeing(label):
        reasons.append(f"{_images(len(ids))} labelled so {cite(ids)}")
    return _capital("; ".join(reasons) or "nothing in the evidence") + "."


def _against(facts: Facts, label: str) -> str:
    reasons = []
    probability = facts.probability(label)
    if probability is not None and 1 - probability >= 0.10:
        reasons.append(f"the classifier leaves {1 - probability:.2f} to other readings [P1]")
    if ids := facts.differing(label):
        reasons.append(f"{_images(len(ids))} labelled otherwise {cite(ids)}")
    if not reasons:
        known = facts.evidence.prediction or facts.votes()
        reasons.append("nothing in the evidence" if known else "no evidence was given")
    return _capital("; ".join(reasons)) + "."


def _disagreement(facts: Facts) -> str:
    return " Classifier and neighbours disagree." if facts.rival() else ""


def _images(count: int) -> str:
    return "one similar archived image" if count == 1 else f"{count} similar archived images"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


#: Writers by section name and kind; all that the built-in strategies ask for.
WRITERS: dict[tuple[str, SectionKind], Callable[[Facts], str]] = {
    ("technique", SectionKind.text): _technique,
    ("comparison", SectionKind.text): _comparison,
    ("findings", SectionKind.text): _findings,
    ("findings", SectionKind.regions): _regions,
    ("differential", SectionKind.ranked): _differential,
    ("impression", SectionKind.text): _impression,
    ("recommendation", SectionKind.text): _recommendation,
}
