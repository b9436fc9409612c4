"""Bootstrap intervals of many means at once (Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medx.core.statistics import RESAMPLES
from medx.core.values import Interval

Floats = npt.NDArray[np.float64]


class BootstrapMeans:
    """Means of columns and of groups of columns under one and the same resampling of rows.

    The intervals are those of ``medx.core.statistics.bootstrap_interval``; a weight a row instead
    of drawn copies, shared by all columns, makes the dozens that one evaluation needs affordable.

    Args:
        values: ``(N, M)``; NaN where a row does not count in a column.
        groups: N names; whole groups (patients) are resampled together when given.
        resamples: How many bootstrap samples.
        seed: Seed of the resampling.
    """

    def __init__(
        self,
        values: Floats,
        *,
        groups: Sequence[str] | None = None,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        if len(values) == 0:
            raise ValueError("values must hold at least one row")
        counts = np.isfinite(values).astype(np.float64)
        sums = np.nan_to_num(values)
        if groups is not None:
            _, member = np.unique(np.asarray(groups), return_inverse=True)
            sums, counts = _add_up(sums, member), _add_up(counts, member)
        self._estimates = _ratio(sums.sum(0), counts.sum(0))
        self._means = np.empty((resamples, values.shape[1]))
        rng = np.random.default_rng(seed)
        for i in range(resamples):
            weights = np.bincount(rng.integers(0, len(sums), len(sums)), minlength=len(sums))
            self._means[i] = _ratio(weights @ sums, weights @ counts)

    def interval(self, *columns: int) -> Interval:
        """Return the mean of one column, or the unweighted mean of several, with its interval."""
        chosen = list(columns)
        values = self._means[:, chosen].mean(axis=1)
        values = values[np.isfinite(values)]
        estimate = float(self._estimates[chosen].mean())
        if len(values) == 0:
            return Interval(estimate=estimate, low=float("nan"), high=float("nan"))
        low, high = np.percentile(values, [2.5, 97.5])
        return Interval(estimate=estimate, low=float(low), high=float(high))


def _add_up(values: Floats, member: npt.NDArray[np.intp]) -> Floats:
    totals = np.zeros((int(member.max()) + 1, values.shape[1]))
    np.add.at(totals, member, values)
    return totals


def _ratio(sums: Floats, counts: Floats) -> Floats:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
