"""What a random order of the gallery scores: the exact expectation of every measure.

A query may meet ``gallery`` images of which ``relevant`` are relevant. Each order of them is
equally likely, so rank i holds a relevant image with probability R / G, and given that one, each
rank before it with probability (R - 1) / (G - 1). No permutation has to be drawn.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.evaluation.metrics import Counts, Floats, rank_discounts, share_of


def expected_precision(relevant: Counts, gallery: Counts) -> Floats:
    """Return the expected precision at any k: R / G."""
    return np.asarray(relevant / gallery)


def expected_recall_at_k(relevant: Counts, gallery: Counts, top_k: int) -> Floats:
    """Return the expected recall at k: k / G; NaN for a query without a relevant image."""
    return np.where(relevant > 0, np.minimum(top_k, gallery) / gallery, np.nan)


def expected_average_precision_at_k(
    relevant: Counts, gallery: Counts, top_k: int | None = None
) -> Floats:
    """Return the expected average precision of the first ``top_k`` hits, or of all (None)."""
    depth = gallery if top_k is None else np.minimum(top_k, gallery)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(depth.max()) + 1))])[depth]
    before = (relevant - 1) / np.maximum(gallery - 1, 1)
    # Sum over ranks i up to the depth of (R / G) (1 + (i - 1) (R - 1) / (G - 1)) / i.
    total = relevant / gallery * (harmonic + before * (depth - harmonic))
    best = np.minimum(relevant, depth)
    return share_of(total, best)


def expected_ndcg_at_k(relevant: Counts, gallery: Counts, top_k: int) -> Floats:
    """Return the expected nDCG of the first ``top_k`` hits."""
    worth = np.concatenate([[0.0], np.cumsum(rank_discounts(top_k))])
    best = worth[np.minimum(relevant, top_k)]
    total = relevant / gallery * worth[np.minimum(gallery, top_k)]
    return share_of(total, best)


def expected_reciprocal_rank(relevant: Counts, gallery: Counts) -> Floats:
    """Return the expected reciprocal rank of the first relevant image."""
    pairs, which = np.unique(np.stack([relevant, gallery], axis=1), axis=0, return_inverse=True)
    values = np.array([_reciprocal_rank(int(r), int(g)) for r, g in pairs])
    return np.asarray(values[which.reshape(-1)])


def _reciprocal_rank(relevant: int, gallery: int) -> float:
    if relevant == 0:
        return float("nan")
    ranks = np.arange(1, gallery - relevant + 2)
    # Chance that no earlier rank is relevant, as a product of (G - R - j) / (G - j).
    misses: npt.NDArray[np.float64] = (gallery - relevant - ranks[:-1] + 1) / (
        gallery - ranks[:-1] + 1
    )
    unmet = np.concatenate([[1.0], np.cumprod(misses)])
    return float((unmet * relevant / (gallery - ranks + 1) / ranks).sum())
