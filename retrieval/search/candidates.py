"""Asking an index for as many hits as a search wants, whatever is left out on the way."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from medx.core.values import Hit
from retrieval.config import SearchConfig
from retrieval.encoders.base import Embeddings
from retrieval.index.gallery_index import GalleryIndex, Neighbours
from retrieval.search.parts import EmbeddedQuery
from retrieval.search.results import LeftOut
from retrieval.search.selection import (
    Candidates,
    Seen,
    diversify,
    drop_repetitions,
    similar_enough,
)

#: Maximal marginal relevance chooses among so many times as many images as it returns.
POOL = 10


def find_hits(
    index: GalleryIndex,
    queries: Sequence[EmbeddedQuery],
    config: SearchConfig,
    exclude_ids: Collection[str] = (),
) -> list[tuple[list[Hit], list[LeftOut]]]:
    """Return up to ``top_k`` hits of each query, and what was left out of them.

    Raises:
        InputError: When not one image can be found.
    """
    excluded = [[*dict.fromkeys([*query.read.own_ids, *exclude_ids])] for query in queries]
    enough = config.top_k + max(map(len, excluded), default=0)
    if _is_plain(config) and enough <= index.count(config.split, config.where):
        embeddings = np.stack([query.embedding for query in queries])
        found = _search(index, embeddings, config.top_k, config, excluded)
        return [(index.hits(found, number), []) for number in range(len(queries))]
    return [_find(index, query, config, ids) for query, ids in zip(queries, excluded, strict=True)]


def searched_rows(index: GalleryIndex, config: SearchConfig) -> npt.NDArray[np.int64]:
    """Return the rows that a search looks among, in order.

    Raises:
        InputError: When ``where`` cannot be read.
        UnknownNameError: When no row is in the split.
    """
    if config.where is None:
        return index.items.split_rows(config.split)
    rows = np.flatnonzero(index.items.mask_where(config.where))
    if config.split == "all":
        return rows
    return np.intersect1d(rows, index.items.split_rows(config.split), assume_unique=True)


def _is_plain(config: SearchConfig) -> bool:
    narrowing = (config.where, config.min_similarity, config.dedup_above)
    return not (config.dedup or config.diversity) and all(value is None for value in narrowing)


def _find(
    index: GalleryIndex, query: EmbeddedQuery, config: SearchConfig, excluded: list[str]
) -> tuple[list[Hit], list[LeftOut]]:
    available = index.count(config.split, config.where)
    available -= index.count(config.split, config.where, among=excluded)
    if available == 0:
        where = f" where {config.where}" if config.where is not None else ""
        split = f" of split {config.split}" if config.split != "all" else ""
        raise InputError(
            f"index {index.name} holds no {'other ' if excluded else ''}image{split}{where}",
            hint="`medx retrieve info` shows what it holds",
        )
    enough = config.top_k * (POOL if config.diversity else 1)
    depth = min(available, enough + (config.top_k if _drops(config) else 0))
    while True:
        found = _search(index, query.embedding[None, :], depth, config, [excluded])
        similarities = found.similarities[0]
        fit = similar_enough(similarities, config.min_similarity)
        candidates = _candidates(index, found, fit)
        taken, left_out = drop_repetitions(candidates, _seen(query), config, enough=enough)
        if len(taken) == enough or fit < len(similarities) or depth == available:
            break
        depth = min(available, 4 * depth)
    chosen = np.array(taken, np.int64)
    if config.diversity:
        order = diversify(
            candidates.similarities[chosen],
            candidates.embeddings[chosen],
            config.top_k,
            config.diversity,
        )
        chosen = chosen[order]
    kept = Neighbours(rows=found.rows[:, chosen], similarities=found.similarities[:, chosen])
    return index.hits(kept), left_out


def _drops(config: SearchConfig) -> bool:
    return config.dedup or config.dedup_above is not None


def _search(
    index: GalleryIndex,
    embeddings: Embeddings,
    top_k: int,
    config: SearchConfig,
    excluded: Sequence[Collection[str]],
) -> Neighbours:
    # An index that is asked to leave nothing out may take its fast way.
    exclude_ids = excluded if any(excluded) else None
    return index.search(
        embeddings, top_k, split=config.split, where=config.where, exclude_ids=exclude_ids
    )


def _candidates(index: GalleryIndex, found: Neighbours, count: int) -> Candidates:
    rows = found.rows[0, :count]
    index.items.remember(rows)
    items = [index.items.item(int(row)) for row in rows]
    return Candidates(
        ids=[item.id for item in items],
        digests=[item.content_hash for item in items],
        similarities=found.similarities[0, :count],
        embeddings=index.embeddings(rows),
    )


def _seen(query: EmbeddedQuery) -> Seen:
    images = [i for i, part in enumerate(query.read.parts) if part.digest is not None]
    digests = frozenset(str(query.read.parts[i].digest) for i in images)
    return Seen(digests=digests, embeddings=query.parts[images])
