"""Two classifiers on the same images: is one better than the other?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from classify.evaluation.delong import METHOD, delong_difference
from classify.evaluation.metrics import Case
from classify.evaluation.ranking import Ranking
from medx.core.bootstrap import Bootstrap
from medx.core.paired_tests import BOOTSTRAP, Difference, bootstrap_p_value
from medx.core.statistics import percentile_interval

Doubles = npt.NDArray[np.float64]


def compare_auroc(first: Case, second: Case, how: Bootstrap) -> Difference | None:
    """Compare AUROC: DeLong for two classes, a paired bootstrap for more or repeated patients.

    None when it is undefined.

    Args:
        first: Truth and probabilities of the first.
        second: The same truth, probabilities of the second over the same classes.
        how: How to resample.
    """
    classes = [1] if first.num_classes == 2 else range(first.num_classes)
    if first.num_classes == 2 and how.independent:
        found = delong_difference(first.target == 1, first.probs[:, 1], second.probs[:, 1])
        if found is not None:
            return Difference(interval=found[0], p_value=found[1], method=METHOD)
    areas = [_areas(case, classes) for case in (first, second)]
    ones = np.ones((1, len(first.target)), np.float32)
    estimate = float((areas[1](ones) - areas[0](ones))[0])
    drawn = np.concatenate([areas[1](w) - areas[0](w) for w in how.weights(len(first.target))])
    interval = percentile_interval(estimate, drawn)
    if interval is None:
        return None
    method = f"{BOOTSTRAP} by {how.unit}"
    return Difference(interval=interval, p_value=bootstrap_p_value(drawn), method=method)


def _areas(case: Case, classes: Sequence[int]) -> Callable[[npt.NDArray[np.float32]], Doubles]:
    present = [c for c in classes if 0 < np.count_nonzero(case.target == c) < len(case.target)]
    rankings = [Ranking(case.target == c, case.probs[:, c]) for c in present]

    def areas(weights: npt.NDArray[np.float32]) -> Doubles:
        if not rankings:
            return np.full(len(weights), np.nan)
        return np.asarray(np.mean([ranking.areas(weights)[0] for ranking in rankings], axis=0))

    return areas
