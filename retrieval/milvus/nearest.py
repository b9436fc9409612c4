"""The rows nearest to queries: as the server's index finds them, or compared one by one here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.index.gallery_index import Neighbours
from retrieval.index.vectors import FlatVectors
from retrieval.milvus.collection import MOST_ROWS
from retrieval.milvus.kinds import CANDIDATES, COMPRESSED
from retrieval.milvus.part import Part, places_of, vectors_of
from retrieval.milvus.rows import VECTOR

Rows = npt.NDArray[np.int64]
Similarities = npt.NDArray[np.float32]

#: Similarities closer than this may come in any order from Milvus.
SAME = 1e-6


def ask(
    part: Part,
    queries: Embeddings,
    wanted: int,
    *,
    kind: str,
    chosen: str,
    available: int,
    effort: int | None = None,
) -> Neighbours | None:
    """Return at least the best ``wanted`` rows as the server finds them; None for too few of them.

    Rows that are as similar as the last of them are all there, or as many as a server returns.

    Args:
        part: Where to look.
        queries: Of unit length.
        wanted: Rows a query.
        kind: The kind of the server's index.
        chosen: Only rows that fulfil this expression.
        available: How many do.
        effort: How hard the server looks.
    """
    most = min(available, MOST_ROWS)
    limit = min((CANDIDATES if kind in COMPRESSED else 1) * wanted + 1, most)
    while True:
        hits = part.collection.search(
            queries, limit, kind=kind, expression=part.within(chosen), effort=effort
        )
        found = _as_neighbours(part, hits)
        enough = (found.rows >= 0).sum(axis=1) >= wanted
        if limit == most:
            break
        if enough.all() and not _ends_amid_ties(found.similarities, wanted):
            break
        limit = min(2 * limit, most)
    if not enough.all():
        return None
    return _recomputed(part, queries, found) if kind in COMPRESSED else found


def compare(part: Part, queries: Embeddings, wanted: int, *, chosen: str) -> Neighbours:
    """Return the best ``wanted`` rows of those that fulfil an expression, vector by vector."""
    best = Neighbours(
        rows=np.empty((len(queries), 0), np.int64),
        similarities=np.empty((len(queries), 0), np.float32),
    )
    for page in part.pages(chosen, [VECTOR]):
        vectors = FlatVectors.from_embeddings(vectors_of(page, part.collection.dim))
        similarities, found = vectors.search(queries, min(wanted, len(page)))
        rows = part.numbering.rows(places_of(page))[found]
        both = Neighbours(
            rows=np.concatenate([best.rows, rows], axis=1),
            similarities=np.concatenate([best.similarities, similarities], axis=1),
        )
        best = keep_best(both, wanted)
    return best


def keep_best(found: Neighbours, top_k: int) -> Neighbours:
    """Return the ``top_k`` most similar rows of each query, equal ones in row order."""
    order = np.lexsort((found.rows, -found.similarities), axis=1)[:, :top_k]
    return Neighbours(
        rows=np.take_along_axis(found.rows, order, axis=1),
        similarities=np.take_along_axis(found.similarities, order, axis=1),
    )


def _as_neighbours(part: Part, hits: list[list[tuple[float, int]]]) -> Neighbours:
    """Return what a server found, rows of another part as -1 with the least similarity."""
    width = max(map(len, hits))
    places = np.full((len(hits), width), -1, np.int64)
    similarities = np.full((len(hits), width), -np.inf, np.float32)
    for query, found in enumerate(hits):
        places[query, : len(found)] = [place for _, place in found]
        similarities[query, : len(found)] = [similarity for similarity, _ in found]
    rows = part.numbering.rows(places.ravel()).reshape(places.shape)
    similarities[rows < 0] = -np.inf
    return keep_best(Neighbours(rows=rows, similarities=similarities), width)


def _ends_amid_ties(similarities: Similarities, wanted: int) -> bool:
    """Return True when a row that was not returned may be as similar as the last wanted one."""
    last = np.where(np.isfinite(similarities), similarities, np.inf).min(axis=1)
    return bool((similarities[:, wanted - 1] - last <= SAME).any())


def _recomputed(part: Part, queries: Embeddings, found: Neighbours) -> Neighbours:
    known, where = np.unique(found.rows, return_inverse=True)
    vectors = part.vectors(np.maximum(known, 0))[where.reshape(found.rows.shape)]
    similarities = np.einsum("qd,qkd->qk", queries, vectors).astype(np.float32)
    similarities[found.rows < 0] = -np.inf
    return Neighbours(rows=found.rows, similarities=similarities)
