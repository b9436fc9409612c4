"""A share of images with its 95 % interval."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from medx.core.bootstrap import Bootstrap
from medx.core.statistics import percentile_interval
from medx.core.values import Interval


def measure_share(flags: npt.NDArray[np.bool_], how: Bootstrap) -> Interval | None:
    """Return the share of True: exact (Clopper and Pearson 1934), or bootstrapped by patient.

    Where all or none are True every resample is the same: patients are counted as images then.

    Args:
        flags: ``(N,)``; None comes back when N is 0.
        how: What belongs together.
    """
    count, found = len(flags), int(np.count_nonzero(flags))
    if count == 0:
        return None
    if how.independent or found in (0, count):
        units, of = independent_units(count, how)
        return exact_share(found * units // count, units, of=of)
    totals = [(w @ flags, w.sum(axis=1)) for w in how.weights(count)]
    shares = np.concatenate([part / whole for part, whole in totals])
    return percentile_interval(found / count, shares)


def independent_units(count: int, how: Bootstrap) -> tuple[int, str]:
    """Return how many independent units ``count`` images are, and whether images or patients."""
    return (count, "images") if how.independent else (len(set(how.groups or ())), "patients")


def exact_share(found: int, count: int, *, of: str = "images") -> Interval:
    """Return a share of ``count`` >= 1 independent units with its exact interval."""
    return Interval(
        estimate=found / count,
        low=float(beta.ppf(0.025, found, count - found + 1)) if found else 0.0,
        high=float(beta.ppf(0.975, found + 1, count - found)) if found < count else 1.0,
        method="exact binomial" if of == "images" else f"exact binomial of {of}",
    )
