"""Two classifiers on the same images: is one better than the other?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from classify.evaluation.bootstrap import Bootstrap
from classify.evaluation.delong import METHOD, delong_difference
from classify.evaluation.metrics import Case
from classify.evaluation.ranking import Ranking
from medx.core.statistics import percentile_interval
from medx.core.values import Interval

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

BOOTSTRAP = "paired bootstrap"
EXACT = "McNemar, exact"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a paired test finds.

    Args:
        interval: Second less first.
        p_value: Two-sided.
        method: Of the p-value.
        only_first: Images that the first alone got right; None where that is not the question.
        only_second: Images that the second alone got right.
    """

    interval: Interval
    p_value: float
    method: str
    only_first: int | None = None
    only_second: int | None = None


def compare_accuracy(first: Bools, second: Bools, how: Bootstrap) -> Difference:
    """Compare shares of right answers: exact McNemar (1947), by patient where they repeat.

    Args:
        first: Whether the first was right ``(N,)``.
        second: Whether the second was, on the same images.
        how: How to resample.
    """
    gained = second.astype(np.float32) - first
    drawn = np.concatenate(
        [weights @ gained / weights.sum(axis=1) for weights in how.weights(len(gained))]
    )
    only_first, only_second = int((gained < 0).sum()), int((gained > 0).sum())
    estimate = float(gained.mean(dtype=np.float64))
    interval = percentile_interval(estimate, drawn) or _exactly(estimate)
    p_value, method = mcnemar(only_first, only_second), EXACT
    if not how.independent:
        p_value, method = bootstrap_p_value(drawn), f"{BOOTSTRAP} by {how.unit}"
    return Difference(
        interval=interval,
        p_value=p_value,
        method=method,
        only_first=only_first,
        only_second=only_second,
    )


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


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of a coin that fell so among the discordant pairs.

    >>> mcnemar(0, 6)
    0.03125
    """
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return float(binomtest(only_first, discordant, 0.5).pvalue)


def bootstrap_p_value(differences: Doubles) -> float:
    """Return twice the smaller share of samples on one side of 0; never below what R can show."""
    known = differences[np.isfinite(differences)]
    below, above = np.count_nonzero(known <= 0), np.count_nonzero(known >= 0)
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(known) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for how many there are (Holm 1979).

    >>> holm([0.01, 0.04, 0.5])
    [0.03, 0.08, 0.5]
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    raised = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(value) for value in adjusted]


def _areas(case: Case, classes: Sequence[int]) -> Callable[[npt.NDArray[np.float32]], Doubles]:
    present = [c for c in classes if 0 < np.count_nonzero(case.target == c) < len(case.target)]
    rankings = [Ranking(case.target == c, case.probs[:, c]) for c in present]

    def areas(weights: npt.NDArray[np.float32]) -> Doubles:
        if not rankings:
            return np.full(len(weights), np.nan)
        return np.asarray(np.mean([ranking.areas(weights)[0] for ranking in rankings], axis=0))

    return areas


def _exactly(estimate: float) -> Interval:
    return Interval(estimate=estimate, low=estimate, high=estimate)
