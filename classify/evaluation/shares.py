"""A share of images with its 95 % interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from classify.evaluation.bootstrap import Bootstrap
from medx.core.statistics import percentile_interval
from medx.core.values import Interval


def measure_share(flags: npt.NDArray[np.bool_], how: Bootstrap) -> Interval | None:
    """Return the share of True: exact (Clopper and Pearson 1934), or bootstrapped by patient.

    Args:
        flags: ``(N,)``; None comes back when N is 0.
        how: What belongs together.
    """
    count, found = len(flags), int(np.count_nonzero(flags))
    if count == 0:
        return None
    if not how.independent:
        totals = [(w @ flags, w.sum(axis=1)) for w in how.weights(count)]
        shares = np.concatenate([part / whole for part, whole in totals])
        return percentile_interval(found / count, shares)
    return exact_share(found, count)


def exact_share(found: int, count: int) -> Interval:
    """Return a share of independent images with its exact interval; ``count`` >= 1."""
    return Interval(
        estimate=found / count,
        low=float(beta.ppf(0.025, found, count - found + 1)) if found else 0.0,
        high=float(beta.ppf(0.975, found + 1, count - found)) if found < count else 1.0,
        method="exact binomial",
    )
