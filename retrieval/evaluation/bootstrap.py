"""Bootstrap samples (Efron 1979) of many means at once, kept so that two can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.statistics import RESAMPLES, percentile_interval, resample_counts
from medx.core.values import Interval

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sampled:
    """Estimates with what each is in every bootstrap sample; NaN where it cannot be told.

    Args:
        estimates: ``(M,)``.
        samples: ``(R, M)``. Equal seeds, rows and groups give the same draws to two of these.
    """

    estimates: Floats
    samples: Floats

    def mean_of(self, columns: Sequence[int]) -> Sampled:
        """Return the unweighted mean of those columns that have an estimate, as one column."""
        known = [column for column in columns if np.isfinite(self.estimates[column])]
        if not known:
            return Sampled(np.full(1, np.nan), np.full((len(self.samples), 1), np.nan))
        estimate = self.estimates[known].mean()
        return Sampled(np.array([estimate]), self.samples[:, known].mean(axis=1)[:, None])

    def interval(self, column: int = 0) -> Interval | None:
        """Return one column with its 95 % interval; None when it cannot be told."""
        return percentile_interval(float(self.estimates[column]), self.samples[:, column])


def bootstrap_means(
    values: Floats,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Sampled:
    """Return the means of columns, and the same of rows drawn again.

    Args:
        values: ``(N, M)``; NaN where a row does not count in a column.
        groups: N names; whole groups (patients) are drawn together when given.
        resamples: How many bootstrap samples.
        seed: Seed of the draws.

    Raises:
        ValueError: When there is no row.
    """
    if len(values) == 0:
        raise ValueError("values must hold at least one row")
    known = np.isfinite(values).astype(np.float64)
    sums = np.nan_to_num(values)
    drawn = resample_counts(len(values), groups=groups, resamples=resamples, seed=seed)
    samples = [_ratio(counts @ sums, counts @ known) for counts in drawn]
    return Sampled(_ratio(sums.sum(0), known.sum(0)), np.concatenate(samples))


def mean_interval(
    values: Floats, *, groups: Sequence[str] | None = None, seed: int = 0
) -> Interval:
    """Return the mean of ``(N,)`` finite values with its 95 % interval."""
    interval = bootstrap_means(values[:, None], groups=groups, seed=seed).interval()
    if interval is None:
        raise ValueError("values must be finite")
    return interval


def _ratio(sums: Floats, counts: Floats) -> Floats:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
