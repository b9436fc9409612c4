"""Hubness: whether a few images are everyone's neighbour (Radovanović et al. 2010)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.evaluation.results import Hubness


def measure_hubness(
    neighbours: npt.NDArray[np.int64], gallery: int, candidates: float | None = None
) -> Hubness:
    """Return the hubness of the neighbours of many queries.

    Args:
        neighbours: ``(Q, k)``: gallery positions; -1 is none.
        gallery: How many images stand in the gallery.
        candidates: How many of them a query can meet on average; None: all.
    """
    count, top_k = neighbours.shape
    occurrences = np.bincount(neighbours[neighbours >= 0], minlength=gallery)
    deviation = occurrences - occurrences.mean()
    spread = occurrences.std()
    # Random neighbours: each image is drawn by each query that may meet it with one chance, p.
    meetings = count * (candidates or gallery) / gallery
    p = min(1.0, top_k / (candidates or gallery))
    variance = meetings * p * (1 - p)
    return Hubness(
        top_k=top_k,
        skewness=float((deviation**3).mean() / spread**3) if spread > 0 else None,
        chance_skewness=float((1 - 2 * p) / np.sqrt(variance)) if variance > 0 else None,
        anti_hubs=float((occurrences == 0).mean()),
        chance_anti_hubs=float((1 - p) ** meetings),
        largest=int(occurrences.max()),
    )
