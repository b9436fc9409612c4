"""Intervals for figures that people will compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from medx.core.values import Interval

RESAMPLES = 1000

#: Numbers in one block of bootstrap samples: small enough to stay in a processor's cache.
BLOCK = 1 << 21

WITH_EXACT = (
    "percentile bootstrap, with the exact binomial of classes that are all right or all wrong"
)


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


def resample_counts(
    count: int,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield how often each row is drawn, ``(R, count)``, for one block of R samples at a time.

    A statistic that is a function of weighted sums needs no row to be copied or sorted again.

    Args:
        count: Rows.
        groups: ``count`` group names; whole groups (patients) are drawn when given.
        resamples: How many bootstrap samples in all.
        seed: Seed of the resampling.

    Raises:
        ValueError: When there is no row.
    """
    if count < 1:
        raise ValueError(f"count must be >= 1, got {count}")
    units = np.arange(count)
    if groups is not None:
        units = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    drawable = int(units.max()) + 1
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK // count)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(0, drawable, (size, drawable))
        cells = (drawn + drawable * np.arange(size)[:, None]).reshape(-1)
        drawn_counts = np.bincount(cells, minlength=size * drawable).reshape(size, drawable)
        yield drawn_counts[:, units].astype(np.float32)


def percentile_interval(estimate: float, samples: npt.NDArray[np.floating]) -> Interval | None:
    """Return the middle 95 % of bootstrap samples, widened where needed to hold the estimate.

    Samples that are NaN are left out; None when nothing is left or the estimate is NaN.
    """
    finite = samples[np.isfinite(samples)]
    if len(finite) == 0 or not np.isfinite(estimate):
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return Interval(
        estimate=float(estimate), low=min(float(low), estimate), high=max(float(high), estimate)
    )


def widened_mean(mean: Interval, exact: Sequence[Interval], count: int) -> Interval:
    """Return the interval of a mean of shares, widened by what resampling cannot see of some.

    Args:
        mean: Of ``count`` shares from 0 to 1, by bootstrap.
        exact: Of those among them that are 0 or 1: every resample of such a share is the same.
        count: 1 or more; each share moves the mean by a ``count``-th.
    """
    below = sum(share.estimate - share.low for share in exact) / count
    above = sum(share.high - share.estimate for share in exact) / count
    return Interval(
        estimate=mean.estimate,
        low=max(mean.low - below, 0.0),
        high=min(mean.high + above, 1.0),
        method=WITH_EXACT,
    )


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
