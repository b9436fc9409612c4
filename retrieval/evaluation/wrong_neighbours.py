"""The most similar wrong neighbours, named so that nobody is identified."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.evaluation.metrics import Floats
from retrieval.evaluation.relevance import Relevance
from retrieval.evaluation.results import WrongNeighbour
from retrieval.index.items import Items

Rows = npt.NDArray[np.int64]

#: Digits of a content hash that tell images of one gallery apart.
DIGITS = 12


def list_wrong_neighbours(
    items: Items,
    relevance: Relevance,
    pairs: tuple[Rows, Rows],
    nearest: Floats,
    *,
    most: int,
) -> tuple[WrongNeighbour, ...]:
    """Return the queries whose nearest image shares no label with them, most similar first.

    Args:
        items: The rows of the index.
        relevance: Labels of those rows.
        pairs: Rows ``(Q,)`` of the queries and of each one's nearest image.
        nearest: ``(Q, 2)``: similarity of the nearest image, and of the nearest right one.
        most: How many at most.
    """
    queries, neighbours = pairs
    right = relevance.between(queries, neighbours[:, None])[:, 0]
    wrong = np.flatnonzero(~right & np.isfinite(nearest[:, 0]))
    chosen = wrong[np.argsort(-nearest[wrong, 0], kind="stable")][:most]
    labels = items.column("label")
    hashes = items.column("content_hash")
    return tuple(
        WrongNeighbour(
            query=str(hashes[queries[i]])[:DIGITS],
            query_label=str(labels[queries[i]]),
            neighbour=str(hashes[neighbours[i]])[:DIGITS],
            neighbour_label=str(labels[neighbours[i]]),
            similarity=float(nearest[i, 0]),
            margin=float(nearest[i, 0] - nearest[i, 1]) if np.isfinite(nearest[i, 1]) else None,
        )
        for i in chosen
    )
