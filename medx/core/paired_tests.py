"""Two things measured on the same images: is one better than the other?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from medx.core.bootstrap import Bootstrap
from medx.core.shares import exact_share, independent_units
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

    Where every image says the same, every resample does, and the interval is what the exact
    binomial one leaves to a difference that was not seen.

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
    interval = percentile_interval(estimate, drawn)
    if interval is None or gained.min() == gained.max():
        interval = _unseen(estimate, how, len(gained))
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


def _unseen(estimate: float, how: Bootstrap, count: int) -> Interval:
    units, of = independent_units(count, how)
    never = exact_share(0, units, of=of)
    room = never.high * (1 + abs(estimate))
    return Interval(
        estimate=estimate,
        low=max(estimate - room, -1.0),
        high=min(estimate + room, 1.0),
        method=never.method,
    )
