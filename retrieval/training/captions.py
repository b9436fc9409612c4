"""What a text claims of an image: words for findings, and which claims are true of which image.

The `compact` encoder learns from these: a text and an image belong together when all that the text
claims is true of the image, whoever wrote either.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from retrieval.encoders.vocabulary import split_words

#: Ways to name a finding; the first is the usual one.
FINDING_WORDS: dict[str, tuple[str, ...]] = {
    "normal": (
        "normal", "no finding", "no acute abnormality", "clear lungs", "healthy lungs",
        "no acute cardiopulmonary abnormality", "unremarkable", "lungs are clear",
        "no evidence of disease", "no consolidation", "no pneumonia", "no pleural effusion",
        "no pneumothorax", "no consolidation or effusion", "without pneumonia", "no opacity",
    ),
    "consolidation": (
        "consolidation", "pneumonia", "airspace opacity", "airspace disease", "infiltrate",
        "lung infection", "lobar pneumonia", "patchy opacity", "consolidation suggesting pneumonia",
        "focal consolidation", "airspace consolidation", "pulmonary infiltrates", "opacification",
        "bacterial pneumonia", "viral pneumonia", "lung consolidation",
    ),
    "pleural effusion": (
        "pleural effusion", "effusion", "pleural fluid", "fluid in the pleural space",
        "blunted costophrenic angle", "hydrothorax",
    ),
    "pneumothorax": (
        "pneumothorax", "collapsed lung", "air in the pleural space", "visible pleural line",
        "lung collapse",
    ),
    "cardiomegaly": (
        "cardiomegaly", "enlarged heart", "enlarged cardiac silhouette", "big heart",
        "cardiac enlargement", "increased cardiothoracic ratio",
    ),
    "nodule": (
        "nodule", "pulmonary nodule", "lung nodule", "solitary nodule", "round opacity",
        "lung mass", "coin lesion", "nodular opacity",
    ),
    "interstitial opacity": (
        "interstitial opacity", "reticular opacities", "interstitial markings",
        "interstitial lung disease", "reticular pattern", "fibrosis",
        "increased interstitial markings", "linear opacities",
    ),
}  # fmt: skip

#: Labels of other datasets that mean a finding above.
LABEL_FINDINGS = {"pneumonia": "consolidation"}

TEMPLATES = (
    "{}",
    "{}",
    "{}",
    "chest radiograph showing {}",
    "chest x-ray with {}",
    "a chest x-ray of a patient with {}",
    "frontal chest radiograph: {}",
    "image of {}",
    "there is {}",
    "findings: {}",
    "impression: {}",
)

UNKNOWN = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of an image, or claimed by a text; an empty field is unknown, or unclaimed."""

    finding: str
    side: str = UNKNOWN
    zone: str = UNKNOWN
    size: str = UNKNOWN


def finding_of(label: str) -> str:
    """Return the finding that a dataset's label stands for."""
    return LABEL_FINDINGS.get(label, label)


def write_text(facts: Facts, rng: np.random.Generator) -> tuple[str, Facts]:
    """Return a text about an image and what exactly the text claims.

    Args:
        facts: What is known of the image.
        rng: Chooses words, template and how much is said.
    """
    words = FINDING_WORDS[facts.finding]
    # The usual name half of the time, so that one bare word is learned best.
    name = words[0] if rng.random() < 0.4 else words[rng.integers(len(words))]
    size = facts.size if rng.random() < 0.3 else UNKNOWN
    side, zone = UNKNOWN, UNKNOWN
    if facts.side and facts.finding not in ("normal", "cardiomegaly") and rng.random() < 0.5:
        side = facts.side
        zone = facts.zone if facts.zone and rng.random() < 0.6 else UNKNOWN
    phrase = f"{size} {name}".strip()
    if side:
        phrase += _place(side, zone, rng)
    template = TEMPLATES[rng.integers(len(TEMPLATES))]
    return template.format(phrase), Facts(finding=facts.finding, side=side, zone=zone, size=size)


def all_words() -> set[str]:
    """Return every word that ``write_text`` can use."""
    texts = [word for words in FINDING_WORDS.values() for word in words]
    texts += TEMPLATES
    texts += ["in on the left right lower mid upper zone lung", "bilateral both lungs sided"]
    texts += ["small moderate large"]
    return {word for text in texts for word in split_words(text)}


def match(
    claims: list[Facts], truths: list[Facts]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which texts are true of which images, and which cannot be told.

    Args:
        claims: What N texts claim.
        truths: What is known of M images.

    Returns:
        ``(true, undecided)``, both bool ``(N, M)``. A claim on something unknown of an image
        with the right finding is undecided; it is neither a positive nor a negative.
    """
    true = np.ones((len(claims), len(truths)), bool)
    undecided = np.zeros_like(true)
    for name in (field.name for field in fields(Facts)):
        claimed = np.array([getattr(c, name) for c in claims])[:, None]
        known = np.array([getattr(t, name) for t in truths])[None, :]
        unclaimed = claimed == UNKNOWN
        unknown = ~unclaimed & (known == UNKNOWN)
        undecided |= unknown
        true &= unclaimed | unknown | (claimed == known)
    undecided &= true
    return true & ~undecided, undecided


def _place(side: str, zone: str, rng: np.random.Generator) -> str:
    if side == "bilateral":
        return " in both lungs" if rng.random() < 0.5 else " bilateral"
    if zone:
        return f" in the {side} {zone} " + ("zone" if rng.random() < 0.5 else "lung zone")
    return f" on the {side}" if rng.random() < 0.5 else f" in the {side} lung"
