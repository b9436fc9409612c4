"""Precision@k and average precision.

Ranks alone count: a hit with a similarity of zero or below is as good as any other of its rank.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def precision_at_k(relevant: Flags, top_k: int) -> Floats:
    """Return for each query the share of its first ``top_k`` hits that are relevant.

    Args:
        relevant: ``(Q, K)`` in rank order, K >= top_k.
        top_k: How many hits count.

    >>> precision_at_k(np.array([[True, False, True], [False, False, True]]), 2).tolist()
    [0.5, 0.0]
    """
    _check(relevant, top_k)
    return np.asarray(relevant[:, :top_k].mean(axis=1), np.float64)


def average_precision(relevant: Flags) -> Floats:
    """Return for each query the mean of the precisions at its relevant ranks; NaN without any.

    Args:
        relevant: ``(Q, N)``: the whole gallery in rank order.

    >>> average_precision(np.array([[True, False, True, False]])).round(4).tolist()
    [0.8333]
    """
    _check(relevant, 1)
    ranks = np.arange(1, relevant.shape[1] + 1)
    precisions = np.cumsum(relevant, axis=1) / ranks
    found = relevant.sum(axis=1)
    total = (precisions * relevant).sum(axis=1)
    return np.where(found > 0, total / np.maximum(found, 1), np.nan)


def _check(relevant: Flags, top_k: int) -> None:
    if relevant.ndim != 2:
        raise ValueError(f"relevant must be (Q, K), got shape {relevant.shape}")
    if not 1 <= top_k <= relevant.shape[1]:
        raise ValueError(f"top_k must be 1 to {relevant.shape[1]}, got {top_k}")
