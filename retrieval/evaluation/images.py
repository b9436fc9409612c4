"""Image→image search measured: each image of a split asks for others with its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from retrieval.config import EvaluateConfig
from retrieval.evaluation.bootstrap import bootstrap_means
from retrieval.evaluation.figure_rows import Block, MeasuredProtocol, make_rows
from retrieval.evaluation.hubness import measure_hubness
from retrieval.evaluation.measures import Measure, expect_all, measure_all, measures_at
from retrieval.evaluation.metrics import Floats
from retrieval.evaluation.ranking import check_top_k, rank_gallery
from retrieval.evaluation.relevance import Relevance
from retrieval.evaluation.results import MeasureRow, ProtocolResult, RowKey
from retrieval.evaluation.wrong_neighbours import list_wrong_neighbours
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.related import Relatives

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedQueries:
    """What the ranking of a gallery gave for Q queries.

    Args:
        values: ``(Q, M)``: each measure.
        neighbours: ``(Q, k)``: gallery positions of the first hits.
        nearest: ``(Q, 2)``: similarity of the nearest image of all, and of the nearest right one.
    """

    values: Floats
    neighbours: Rows
    nearest: Floats


def evaluate_images(
    index: GalleryIndex,
    config: EvaluateConfig,
    *,
    protocol: Literal["leave-one-out", "train-gallery"],
) -> MeasuredProtocol:
    """Measure every labelled image of the config's split as a query.

    The gallery is the same split (``leave-one-out``) or the train split (``train-gallery``). A
    query never meets itself (by id), an image with the very same pixels, or one of its own group.

    Raises:
        InputError: When the gallery is smaller than the largest k.
        UnknownNameError: When the index lacks a split.
    """
    split = config.split
    gallery_split = "train" if protocol == "train-gallery" else split
    queries, query_gaps = labelled(index, index.items.split_rows(split))
    rows, gallery_gaps = labelled(index, index.items.split_rows(gallery_split))
    banned, duplicates, same_group = _banned(index, queries, rows)
    allowed = len(rows) - np.array([len(positions) for positions in banned])
    check_top_k(max(config.top_ks), int(allowed.min()), index.name, gallery_split)
    relevance = Relevance([str(label) for label in index.items.column("label")])
    total = _relevant(relevance, queries, rows, banned)
    measures = measures_at(config.top_ks)
    ranked = _rank(index, relevance, (queries, rows), banned, total, measures)
    groups = groups_of(index, queries)
    figures, samples = _figures(
        relevance, queries, ranked.values, expect_all(measures, total, allowed), measures, groups,
        config.seed,
    )  # fmt: skip
    result = ProtocolResult(
        task="image-to-image",
        protocol=protocol,
        split=split,
        gallery_split=gallery_split,
        queries=len(queries),
        gallery=len(rows),
        resampled="queries" if groups is None else "groups of queries",
        excluded_duplicates=duplicates,
        excluded_same_group=same_group,
        unlabelled=query_gaps if split == gallery_split else query_gaps + gallery_gaps,
        unanswerable=int((total == 0).sum()),
        rows=figures,
        hubness=measure_hubness(ranked.neighbours, len(rows), float(allowed.mean())),
        wrong_neighbours=list_wrong_neighbours(
            index.items, relevance, (queries, rows[ranked.neighbours[:, 0]]), ranked.nearest,
            most=config.errors,
        ),
    )  # fmt: skip
    return MeasuredProtocol(result, samples)


def labelled(index: GalleryIndex, rows: Rows) -> tuple[Rows, int]:
    """Return the rows that have a label, in the order of their ids, and how many have none."""
    labels, ids = index.items.column("label"), index.items.column("id")
    kept = sorted((int(row) for row in rows if labels[row]), key=lambda row: str(ids[row]))
    return np.array(kept, np.int64), len(rows) - len(kept)


def groups_of(index: GalleryIndex, rows: Rows) -> list[str] | None:
    """Return the group of each row (its id where it has none), or None when no row has one."""
    groups, ids = index.items.column("group"), index.items.column("id")
    if not any(groups[row] for row in rows):
        return None
    return [f"group {groups[row]}" if groups[row] else f"id {ids[row]}" for row in rows]


def _banned(index: GalleryIndex, queries: Rows, gallery: Rows) -> tuple[list[Rows], int, int]:
    """Return the gallery positions each query must not meet, and how many by each reason."""
    hashes, groups = index.items.column("content_hash"), index.items.column("group")
    known = Relatives(index.items, gallery)
    itself = {int(row): position for position, row in enumerate(gallery)}
    banned, duplicates, grouped = [], 0, 0
    for query in queries:
        own = {itself[int(query)]} if int(query) in itself else set()
        copies = known.copies(hashes[query]) - own
        relatives = known.group(groups[query]) - own - copies
        duplicates += len(copies)
        grouped += len(relatives)
        banned.append(np.array(sorted(own | copies | relatives), np.int64))
    return banned, duplicates, grouped


def _relevant(
    relevance: Relevance, queries: Rows, gallery: Rows, banned: Sequence[Rows]
) -> npt.NDArray[np.int64]:
    """Return how many relevant images each query may meet."""
    relevant = relevance.counts(queries, gallery)
    for i, positions in enumerate(banned):
        relevant[i] -= relevance.between(queries[i : i + 1], gallery[positions][None, :]).sum()
    return relevant


def _rank(
    index: GalleryIndex,
    relevance: Relevance,
    rows: tuple[Rows, Rows],
    banned: Sequence[Rows],
    total: npt.NDArray[np.int64],
    measures: Sequence[Measure],
) -> RankedQueries:
    queries, gallery = rows
    top_k = max(measure.top_k or 1 for measure in measures)
    values = np.empty((len(queries), len(measures)))
    neighbours = np.empty((len(queries), top_k), np.int64)
    nearest = np.full((len(queries), 2), np.nan)
    for block in rank_gallery(index.embeddings(queries), index.embeddings(gallery), banned):
        part = block.queries
        relevant = relevance.between(queries[part], gallery[block.order]) & block.found
        values[part] = measure_all(measures, relevant, total[part])
        neighbours[part] = block.order[:, :top_k]
        nearest[part, 0] = block.similarities[:, 0]
        lines = np.arange(len(relevant))
        right = block.similarities[lines, relevant.argmax(axis=1)]
        nearest[part, 1] = np.where(relevant.any(axis=1), right, np.nan)
    return RankedQueries(values=values, neighbours=neighbours, nearest=nearest)


def _figures(
    relevance: Relevance,
    queries: Rows,
    values: Floats,
    chance: Floats,
    measures: Sequence[Measure],
    groups: Sequence[str] | None,
    seed: int,
) -> tuple[tuple[MeasureRow, ...], dict[RowKey, Floats]]:
    flags = {label: relevance.having(label)[queries] for label in relevance.labels}
    flags = {label: held for label, held in flags.items() if held.any()}
    members = [np.ones(len(queries), bool), *flags.values()]

    def spread(table: Floats) -> Floats:
        return np.concatenate([np.where(held[:, None], table, np.nan) for held in members], axis=1)

    columns = spread(values)
    known = np.isfinite(columns)
    counts = known.sum(axis=0).reshape(len(members), -1)
    expected = np.nansum(np.where(known, spread(chance), np.nan), axis=0)
    expected = np.divide(
        expected, known.sum(axis=0), out=np.full(len(expected), np.nan), where=known.any(axis=0)
    )
    blocks = [
        Block(scope="all", members=[0], counts=counts[0]),
        Block(scope="macro", members=range(1, len(members)), counts=counts[0]),
        *(
            Block(scope="class", label=label, members=[number], counts=counts[number])
            for number, label in enumerate(flags, start=1)
        ),
    ]
    return make_rows(bootstrap_means(columns, groups=groups, seed=seed), expected, measures, blocks)
