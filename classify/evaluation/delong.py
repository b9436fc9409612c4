"""Variance of AUROC without resampling, and a test of two on the same images.

DeLong, DeLong & Clarke-Pearson (1988), in the O(N log N) form of Sun & Xu (2014).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from medx.core.values import Interval

Floats = npt.NDArray[np.floating]
Z95 = float(norm.ppf(0.975))
METHOD = "DeLong"


def delong(
    positive: npt.NDArray[np.bool_], scores: Floats
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return AUROCs ``(K,)`` and their covariance ``(K, K)``.

    Args:
        positive: Truth ``(N,)``; images must be independent of one another.
        scores: K scores of each image, ``(K, N)``.

    Raises:
        ValueError: When there are not two positives and two negatives.
    """
    ones, zeros = scores[:, positive], scores[:, ~positive]
    m, n = ones.shape[1], zeros.shape[1]
    if m < 2 or n < 2:
        raise ValueError(f"positive must hold two of each side, got {m} and {n}")
    # A mid-rank among all less that among its own side counts the other side below it.
    ranks = rankdata(np.concatenate([ones, zeros], axis=1), axis=1)
    above = (ranks[:, :m] - rankdata(ones, axis=1)) / n
    below = 1.0 - (ranks[:, m:] - rankdata(zeros, axis=1)) / m
    covariance = np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n
    return above.mean(axis=1), covariance


def delong_interval(positive: npt.NDArray[np.bool_], scores: Floats) -> Interval | None:
    """Return the AUROC of scores ``(N,)`` with its 95 % interval; None below two of each side."""
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < 2:
        return None
    area, variance = delong(positive, np.asarray(scores)[None])
    return _normal(float(area[0]), float(variance[0, 0]), 0.0)


def delong_difference(
    positive: npt.NDArray[np.bool_], first: Floats, second: Floats
) -> tuple[Interval, float] | None:
    """Return AUROC of ``second`` less that of ``first`` on the same images, and its p-value.

    None below two of each side, or where they differ and nothing says how surely: each is then
    without a fault, or the same for all images.
    """
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < 2:
        return None
    areas, covariance = delong(positive, np.stack([first, second]))
    difference = float(areas[1] - areas[0])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    interval = _normal(difference, variance, -1.0)
    if variance <= 1e-15:  # the same order of images, or both without a fault
        return (interval, 1.0) if abs(difference) < 1e-12 else None
    return interval, float(2 * norm.sf(abs(difference) / np.sqrt(variance)))


def _normal(estimate: float, variance: float, lowest: float) -> Interval:
    reach = Z95 * float(np.sqrt(max(variance, 0.0)))
    return Interval(
        estimate=estimate,
        low=max(estimate - reach, lowest),
        high=min(estimate + reach, 1.0),
        method=METHOD,
    )
