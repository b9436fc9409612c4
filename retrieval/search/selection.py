"""Choosing hits among candidates: similar enough, no repetitions, not all alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.config import SearchConfig
from retrieval.encoders.base import Embeddings
from retrieval.search.results import LeftOut


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Images by falling similarity to a query.

    Args:
        ids: N.
        digests: N content hashes.
        similarities: float32 ``(N,)``, falling.
        embeddings: ``(N, dim)``, unit length.
    """

    ids: Sequence[str]
    digests: Sequence[str]
    similarities: npt.NDArray[np.float32]
    embeddings: Embeddings


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What the user has before their eyes already: the images of the query.

    Args:
        digests: Their content hashes.
        embeddings: ``(Q, dim)``, unit length.
    """

    digests: frozenset[str]
    embeddings: Embeddings


def similar_enough(similarities: npt.NDArray[np.float32], lowest: float | None) -> int:
    """Return how many of the falling ``similarities`` are at least ``lowest``."""
    if lowest is None:
        return len(similarities)
    # A float32 cosine of exactly the limit may lie a rounding below it.
    return int((similarities >= lowest - 1e-6).sum())


def drop_repetitions(
    found: Candidates, seen: Seen, config: SearchConfig, *, enough: int
) -> tuple[list[int], list[LeftOut]]:
    """Return the positions of up to ``enough`` images that repeat no better one, and the others.

    The others are those before the last one taken.
    """
    if not config.dedup and config.dedup_above is None:
        return list(range(min(enough, len(found.ids)))), []
    taken: list[int] = []
    left_out: list[LeftOut] = []
    by_digest = dict.fromkeys(seen.digests, "query")
    for i, (name, digest) in enumerate(zip(found.ids, found.digests, strict=True)):
        if len(taken) == enough:
            break
        twin = _twin(found, seen, taken, i, by_digest.get(digest), config.dedup_above)
        if twin is not None:
            left_out.append(twin)
            continue
        taken.append(i)
        by_digest[digest] = name
    return taken, left_out


def diversify(
    similarities: npt.NDArray[np.float32], embeddings: Embeddings, top_k: int, diversity: float
) -> list[int]:
    """Return up to ``top_k`` positions by maximal marginal relevance (Carbonell & Goldstein 1998).

    Each next one has the highest ``(1 - diversity) * similarity to the query - diversity *
    similarity to the most similar one chosen``.

    Args:
        similarities: ``(N,)`` to the query.
        embeddings: ``(N, dim)``, unit length.
        top_k: How many.
        diversity: 0 keeps the order of similarity, 1 looks at variety alone.
    """
    left = np.ones(len(similarities), bool)
    nearest = np.zeros(len(similarities), np.float32)
    chosen: list[int] = []
    while len(chosen) < min(top_k, len(similarities)):
        value = (1 - diversity) * similarities - diversity * nearest
        best = int(np.argmax(np.where(left, value, -np.inf))) if chosen else 0
        alike = embeddings @ embeddings[best]
        nearest = np.maximum(nearest, alike) if chosen else alike
        left[best] = False
        chosen.append(best)
    return chosen


def _twin(
    found: Candidates,
    seen: Seen,
    taken: Sequence[int],
    i: int,
    same: str | None,
    above: float | None,
) -> LeftOut | None:
    if same is not None:
        return LeftOut(id=found.ids[i], like=same, similarity=1.0, why="same pixels")
    if above is None or len(taken) + len(seen.embeddings) == 0:
        return None
    names = ["query"] * len(seen.embeddings) + [found.ids[j] for j in taken]
    others = np.concatenate([seen.embeddings, found.embeddings[list(taken)]])
    cosines = others @ found.embeddings[i]
    nearest = int(np.argmax(cosines))
    if cosines[nearest] < above:
        return None
    return LeftOut(
        id=found.ids[i],
        like=names[nearest],
        similarity=min(1.0, float(cosines[nearest])),
        why="near-duplicate",
    )
