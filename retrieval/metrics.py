"""Precision@k and friends, and what blind chance would score.

Ranks alone count: a hit with a similarity of zero or below is as good as any other of its rank.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def chance_leave_one_out(labels: Sequence[str]) -> float:
    """Return the expected P@k of random hits when each image queries all the others.

    >>> round(chance_leave_one_out(["pneumonia"] * 390 + ["normal"] * 234), 3)
    0.53
    """
    _, counts = np.unique(np.asarray(labels), return_counts=True)
    total = int(counts.sum())
    if total < 2:
        raise ValueError(f"labels must hold at least 2, got {total}")
    return float((counts * (counts - 1)).sum() / (total * (total - 1)))


def chance_of_gallery(queries: Sequence[str], gallery: Sequence[str]) -> float:
    """Return the expected P@k of random hits from a gallery apart from the queries.

    >>> chance_of_gallery(["a", "b"], ["a", "a", "a", "b"])
    0.5
    """
    if len(queries) == 0 or len(gallery) == 0:
        raise ValueError("queries and gallery must not be empty")
    held = np.asarray(gallery)
    share = {name: float((held == name).mean()) for name in set(queries)}
    return float(np.mean([share[name] for name in queries]))


def _check(relevant: Flags, top_k: int) -> None:
    if relevant.ndim != 2:
        raise ValueError(f"relevant must be (Q, K), got shape {relevant.shape}")
    if not 1 <= top_k <= relevant.shape[1]:
        raise ValueError(f"top_k must be 1 to {relevant.shape[1]}, got {top_k}")
