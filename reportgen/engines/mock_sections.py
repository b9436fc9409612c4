"""How the mock words each section of a report."""

from __future__ import annotations

from collections.abc import Callable

from medx.datasets.class_order import begins_with_denial
from reportgen.engines.mock_evidence import write_evidence
from reportgen.engines.mock_facts import Facts, capital, cite, likelihood
from reportgen.engines.mock_ranked import write_ranked
from reportgen.evidence import foreign
from reportgen.labeler.finding import Finding
from reportgen.modality import modality_of
from reportgen.strategies.base import SectionKind, SectionSpec

_REGIONS = {
    "Pleura": (Finding.pleural_effusion, Finding.pneumothorax, Finding.pleural_other),
    "Heart and mediastinum": (Finding.cardiomegaly, Finding.enlarged_cardiomediastinum),
    "Bones": (Finding.fracture,),
}

_ABSTENTION = " The classifier abstains: a person should decide [P1]."


def _findings(facts: Facts) -> str:
    return f"{facts.classifier_sentence()} {facts.neighbour_sentence()}{_disagreement(facts)}"


def _regions(facts: Facts) -> str:
    """Say what is known of the image as a whole, and of the region of the reading it comes to."""
    lines = [f"- Overall: {_findings(facts)}"]
    regions = modality_of(facts.evidence.modality).regions
    for region in regions if len(regions) > 1 else ():
        said = _called_there(facts) if region == _region(facts.finding, regions) else ""
        lines.append(f"- {region}: {said or 'not assessed, since no evidence speaks of it.'}")
    return "\n".join(lines)


def _region(finding: Finding | None, regions: tuple[str, ...]) -> str | None:
    if finding in (None, Finding.support_devices):
        return None
    return next((name for name, own in _REGIONS.items() if finding in own), regions[0])


def _called_there(facts: Facts) -> str:
    probability = facts.probability(facts.label or "")
    if facts.label is None or probability is None:
        return ""
    return f"{_called(facts, facts.label, probability)} [P1]{_place(facts)}."


def _place(facts: Facts) -> str:
    return f" in the {facts.place} by the heat-map [H1]" if facts.place else ""


def _technique(facts: Facts) -> str:
    height, width = facts.evidence.image_size
    kind = foreign(facts.evidence.modality) or "medical image"
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
        return f"{capital(text)} {cite(ids)}; no probability can be given."
    text = f"{_called(facts, label, probability)} [P1]{_place(facts)}"
    if rival := facts.rival():
        text += f", but more of the similar archived images are labelled {foreign(rival)}"
        text += f" {cite(facts.agreeing(rival))}: indeterminate"
    elif facts.is_close():
        text += ", near the operating point"
    prediction = facts.evidence.prediction
    abstains = prediction is not None and prediction.abstain
    return f"{text}.{_ABSTENTION if abstains else ''}"


def _called(facts: Facts, label: str, probability: float) -> str:
    """Name the reading; one called below even odds is said to hang on the operating point."""
    prediction = facts.evidence.prediction
    threshold = prediction.operating_point if prediction else None
    if threshold is not None and probability < 0.5:
        point = f"the operating point of {threshold:.2f}"
        if label != facts.positive:
            other = foreign(facts.positive or "")
            return f"Called {foreign(label)}, since {other} stays below {point}"
        return f"Flagged as {foreign(label)} (probability {probability:.2f}, above {point})"
    if begins_with_denial(label):  # "no effusion possible" would read as its opposite
        return f"Called {foreign(label)} (probability {probability:.2f})"
    name = capital(facts.reading(label))
    if probability < 0.5:  # the highest of many may be low: to call and to deny it is no reading
        count = len(facts.readings())
        return f"{name} possible (probability {probability:.2f}, the highest of {count} classes)"
    return f"{name} {likelihood(probability)} (probability {probability:.2f})"


def _recommendation(facts: Facts) -> str:
    reader = modality_of(facts.evidence.modality).specialist
    text = f"Reading of the original image by a {reader}, with the clinical picture."
    if min(facts.evidence.image_size) < 256:
        text += " The image at hand is too small for a diagnosis."
    return text


def _disagreement(facts: Facts) -> str:
    return " Classifier and neighbours disagree." if facts.rival() else ""


#: Writers of prose by section name.
_PROSE: dict[str, Callable[[Facts], str]] = {
    "technique": _technique,
    "comparison": _comparison,
    "findings": _findings,
    "evidence": write_evidence,
    "impression": _impression,
    "conclusion": _impression,
    "recommendation": _recommendation,
}


def write_section(spec: SectionSpec, facts: Facts) -> str:
    """Return the body of a section: by its kind, of prose by its name or an alias."""
    if spec.kind is SectionKind.regions:
        return _regions(facts)
    if spec.kind is SectionKind.ranked:
        return write_ranked(facts, fewest=spec.min_entries, most=spec.max_entries)
    names = (words.lower() for words in (spec.name, *spec.aliases))
    write = next((_PROSE[name] for name in names if name in _PROSE), _findings)
    return write(facts)
