"""Bootstrap samples (Efron 1979) of many means at once, kept so that two can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.statistics import RESAMPLES, percentile_interval, resample_counts, widened_mean
from medx.core.values import Interval

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: Sums of floats that are 0 or 1 but for rounding.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Sampled:
    """Estimates with what each is in every bootstrap sample; NaN where it cannot be told.

    Args:
        estimates: ``(M,)``.
        samples: ``(R, M)``. Equal seeds, rows and groups give the same draws to two of these.
        units: ``(M,)``: how many independent things, each worth 0 to 1, a column is the mean of;
            None where it is none of such.
        unit: What they are called.
    """

    estimates: Floats
    samples: Floats
    units: Counts | None = None
    unit: str = ""

    def mean_of(self, columns: Sequence[int]) -> Sampled:
        """Return the unweighted mean of those columns that have an estimate, as one column."""
        known = [column for column in columns if np.isfinite(self.estimates[column])]
        if not known:
            return Sampled(np.full(1, np.nan), np.full((len(self.samples), 1), np.nan))
        estimate = self.estimates[known].mean()
        return Sampled(np.array([estimate]), self.samples[:, known].mean(axis=1)[:, None])

    def interval(self, columns: Sequence[int] = (0,)) -> Interval | None:
        """Return the unweighted mean of columns with its 95 % interval; None when unknown.

        Every resample of a column of nothing but 0, or nothing but 1, is the same. Its units are
        counted instead (Clopper and Pearson 1934), and a mean is widened by what that gives.
        """
        known = [column for column in columns if np.isfinite(self.estimates[column])]
        mean = self.mean_of(known)
        resampled = percentile_interval(float(mean.estimates[0]), mean.samples[:, 0])
        exact = [found for column in known if (found := self._exact(column)) is not None]
        if resampled is None or not exact:
            return resampled
        if len(known) == 1:
            return exact[0]
        return widened_mean(resampled, exact, len(known))

    def _exact(self, column: int) -> Interval | None:
        if self.units is None:
            return None
        units, estimate = int(self.units[column]), float(self.estimates[column])
        if min(estimate, 1 - estimate) > ROUNDING:
            return None
        from medx.core.shares import exact_share  # scipy.stats takes half a second

        return exact_share(units * round(estimate), units, of=self.unit)


def bootstrap_means(
    values: Floats,
    *,
    groups: Sequence[str] | None = None,
    unit: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Sampled:
    """Return the means of columns, and the same of rows drawn again.

    Args:
        values: ``(N, M)``; NaN where a row does not count in a column.
        groups: N names; whole groups (patients) are drawn together when given.
        unit: What rows, or their groups, are called where all values are from 0 to 1; None where
            they are not.
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
    estimates = _ratio(sums.sum(0), known.sum(0))
    if unit is None:
        return Sampled(estimates, np.concatenate(samples))
    owners = np.arange(len(values)) if groups is None else np.asarray(groups)
    units = np.array([len(np.unique(owners[column > 0])) for column in known.T], np.int64)
    return Sampled(estimates, np.concatenate(samples), units=units, unit=unit)


def mean_interval(
    values: Floats, *, groups: Sequence[str] | None = None, unit: str | None = None, seed: int = 0
) -> Interval:
    """Return the mean of ``(N,)`` finite values with its 95 % interval; see ``bootstrap_means``."""
    sampled = bootstrap_means(values[:, None], groups=groups, unit=unit, seed=seed)
    interval = sampled.interval()
    if interval is None:
        raise ValueError("values must be finite")
    return interval


def _ratio(sums: Floats, counts: Floats) -> Floats:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
