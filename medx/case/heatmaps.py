"""Where the classifier found evidence for what it predicted of each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from classify.explanation.heatmaps import explain_images
from classify.predict import Classifier
from medx.case.cases import Case
from medx.core.errors import InputError, MissingExtraError

#: Progress is shown from this many cases on.
MANY = 8


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
