"""Which images to show: hits, false alarms, misses and correct rejections of each class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from classify.explanation.material import Ints, Material
from classify.predict import Classifier

#: Of each outcome, whether the image is of the class and whether it was called so.
OUTCOMES = {
    "true positive": (True, True),
    "false positive": (False, True),
    "false negative": (True, False),
    "true negative": (False, False),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One picture to make: the evidence for class ``target`` in image ``row``."""

    row: int
    target: int
    outcome: str | None = None


def count_outcomes(
    classifier: Classifier, material: Material, wanted: int | None
) -> dict[str, dict[str, int]]:
    """Return class → outcome → images; empty where the truth is unknown."""
    if material.truth is None:
        return {}
    return {
        classifier.classes[c]: {name: len(_rows_of(material, c, name)) for name in OUTCOMES}
        for c in _examined(classifier, wanted)
    }


def choose_cases(
    classifier: Classifier, material: Material, wanted: int | None, most: int
) -> list[Case]:
    """Return what to draw: some of each outcome, or every image where the truth is unknown.

    Args:
        classifier: The model.
        material: Images and predictions.
        wanted: Class index; None takes the predicted ones, with labels each that is examined.
        most: Pictures a class and outcome, the surest predictions first.
    """
    if material.truth is None:
        targets = material.sought(wanted)
        return [Case(row=row, target=int(target)) for row, target in enumerate(targets)]
    return [
        Case(row=int(row), target=c, outcome=outcome)
        for c in _examined(classifier, wanted)
        for outcome in OUTCOMES
        for row in _rows_of(material, c, outcome)[:most]
    ]


def _examined(classifier: Classifier, wanted: int | None) -> Iterable[int]:
    """Return the classes whose outcomes are shown: of two, the positive one says it all."""
    if wanted is not None:
        return [wanted]
    return [1] if len(classifier.classes) == 2 else range(len(classifier.classes))


def _rows_of(material: Material, target: int, outcome: str) -> Ints:
    is_so, called_so = OUTCOMES[outcome]
    rows = np.flatnonzero(
        ((material.truth == target) == is_so) & ((material.predicted == target) == called_so)
    )
    sure = material.probs[rows, target] * (1 if called_so else -1)
    return rows[np.argsort(-sure, kind="stable")]
