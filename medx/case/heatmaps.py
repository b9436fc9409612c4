"""Where the classifier found evidence for what it predicted of each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from classify.explanation.heatmaps import explain_images
from classify.predict import Classifier, load_classifier
from medx.case.cases import Case
from medx.core.console import note
from medx.core.errors import InputError, MissingExtraError

#: Progress is shown from this many cases on.
MANY = 8


def add_heatmaps(cases: Sequence[Case], *, device: str = "auto") -> list[Case]:
    """Return the cases with the heat-map of their predicted label, each by its own classifier.

    Where a map cannot be drawn, the reason is noted once and the cases stay as they are.
    """
    classifiers: dict[Path, Classifier] = {}
    for case in cases:
        if case.train_dir not in classifiers:
            classifiers[case.train_dir] = load_classifier(case.train_dir, device=device)
    drawn: dict[int, Case] = {}
    for train_dir, classifier in classifiers.items():
        places = [i for i, case in enumerate(cases) if case.train_dir == train_dir]
        found, reason = draw_heatmaps(classifier, [cases[i] for i in places])
        if reason:
            note(f"no heat-maps: {reason}")
        drawn.update(zip(places, found, strict=True))
    return [drawn[i] for i in range(len(cases))]


def draw_heatmaps(classifier: Classifier, cases: Sequence[Case]) -> tuple[list[Case], str | None]:
    """Return the cases with heat-maps by their classifier, or as they are and why.

    That is where the packages are not installed, or the network keeps no feature maps.
    """
    if not cases:
        return [], None
    try:
        maps = explain_images(
            classifier,
            [case.id for case in cases],
            np.stack([classifier.fit(case.pixels) for case in cases]),
            target=[classifier.classes.index(case.prediction.label) for case in cases],
            description="heat-maps" if len(cases) >= MANY else None,
        )
    except (MissingExtraError, InputError) as error:
        return list(cases), f"{error}" + (f" ({error.hint})" if error.hint else "")
    return [replace(case, heatmap=drawn) for case, drawn in zip(cases, maps, strict=True)], None
