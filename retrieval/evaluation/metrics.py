"""Measures of one ranked list: precision, recall, average precision, nDCG and reciprocal rank.

Ranks alone count: a hit with a similarity of zero or below is as good as any other of its rank.
``relevant`` is always ``(Q, K)`` in rank order and ``total`` ``(Q,)``: how many relevant images the
query could have met. A query that could meet none has no recall, average precision, nDCG or
reciprocal rank: NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


def precision_at_k(relevant: Flags, top_k: int) -> Floats:
    """Return for each query the share of its first ``top_k`` hits that are relevant.

    >>> precision_at_k(np.array([[True, False, True], [False, False, True]]), 2).tolist()
    [0.5, 0.0]
    """
    _check(relevant, top_k)
    return np.asarray(relevant[:, :top_k].mean(axis=1), np.float64)


def recall_at_k(relevant: Flags, total: Counts, top_k: int) -> Floats:
    """Return for each query the share of its relevant images among the first ``top_k`` hits.

    >>> recall_at_k(np.array([[True, False, True]]), np.array([4]), 3).tolist()
    [0.5]
    """
    _check(relevant, top_k)
    return share_of(relevant[:, :top_k].sum(axis=1), total)


def average_precision(relevant: Flags) -> Floats:
    """Return for each query the mean of the precisions at its relevant ranks.

    Args:
        relevant: ``(Q, N)``: the whole gallery in rank order.

    >>> average_precision(np.array([[True, False, True, False]])).round(4).tolist()
    [0.8333]
    """
    return average_precision_at_k(relevant, relevant.sum(axis=1), relevant.shape[1])


def average_precision_at_k(relevant: Flags, total: Counts, top_k: int) -> Floats:
    """Return the average precision of the first ``top_k`` hits, 1 when none could be better.

    The precisions at relevant ranks are summed and divided by as many relevant images as could
    stand there, ``min(total, top_k)``.

    >>> average_precision_at_k(np.array([[True, False, True]]), np.array([9]), 2).tolist()
    [0.5]
    """
    _check(relevant, top_k)
    first = relevant[:, :top_k]
    precisions = np.cumsum(first, axis=1) / np.arange(1, top_k + 1)
    return share_of((precisions * first).sum(axis=1), np.minimum(total, top_k))


def ndcg_at_k(relevant: Flags, total: Counts, top_k: int) -> Floats:
    """Return the discounted gain of ``top_k`` hits over the best possible, gains being 0 or 1.

    Järvelin and Kekäläinen 2002, discount ``1 / log2(rank + 1)``.

    >>> ndcg_at_k(np.array([[False, True]]), np.array([1]), 2).round(4).tolist()
    [0.6309]
    """
    _check(relevant, top_k)
    discounts = rank_discounts(top_k)
    best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(total, top_k)]
    return share_of(relevant[:, :top_k] @ discounts, best)


def reciprocal_rank(relevant: Flags) -> Floats:
    """Return one over the rank of each query's first relevant image.

    >>> reciprocal_rank(np.array([[False, True, True], [False, False, False]])).tolist()
    [0.5, nan]
    """
    _check(relevant, 1)
    first = 1.0 / (relevant.argmax(axis=1) + 1)
    return np.where(relevant.any(axis=1), first, np.nan)


def rank_discounts(top_k: int) -> Floats:
    """Return what a hit at rank 1, 2, … ``top_k`` is worth in nDCG."""
    return np.asarray(1.0 / np.log2(np.arange(2, top_k + 2)), np.float64)


def share_of(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Floats:
    """Return the quotients ``(Q,)``; NaN where there is nothing to share."""
    shares: Floats = np.full(len(whole), np.nan)
    np.divide(part, whole, out=shares, where=np.asarray(whole) > 0)
    return shares


def _check(relevant: Flags, top_k: int) -> None:
    if relevant.ndim != 2:
        raise ValueError(f"relevant must be (Q, K), got shape {relevant.shape}")
    if not 1 <= top_k <= relevant.shape[1]:
        raise ValueError(f"top_k must be 1 to {relevant.shape[1]}, got {top_k}")
