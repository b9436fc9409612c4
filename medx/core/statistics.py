"""Intervals for figures that people will compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from medx.core.values import Interval

RESAMPLES = 1000


def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: npt.NDArray[np.generic],
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return ``statistic(*arrays)`` with its percentile bootstrap 95 % interval (Efron 1979).

    Args:
        statistic: Takes the arrays, returns a float. NaN (a resample with one class, say) is
            left out.
        arrays: Arrays of the same length N; rows are resampled together.
        groups: N group names; whole groups (patients) are resampled when given.
        resamples: How many bootstrap samples.
        seed: Seed of the resampling.

    Raises:
        ValueError: When the arrays are empty or differ in length.
    """
    count = len(arrays[0])
    if count == 0 or any(len(array) != count for array in arrays):
        raise ValueError(f"arrays must share one length >= 1, got {[len(a) for a in arrays]}")
    rng = np.random.default_rng(seed)
    draw = _group_sampler(groups, rng) if groups is not None else None
    values = np.empty(resamples)
    for i in range(resamples):
        rows = draw() if draw is not None else rng.integers(0, count, count)
        values[i] = statistic(*(array[rows] for array in arrays))
    values = values[np.isfinite(values)]
    estimate = float(statistic(*arrays))
    if len(values) == 0:
        return Interval(estimate=estimate, low=float("nan"), high=float("nan"))
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(estimate=estimate, low=float(low), high=float(high))


def _group_sampler(
    groups: Sequence[str], rng: np.random.Generator
) -> Callable[[], npt.NDArray[np.intp]]:
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)

    def draw() -> npt.NDArray[np.intp]:
        chosen = rng.integers(0, len(members), len(members))
        return np.concatenate([members[i] for i in chosen])

    return draw
