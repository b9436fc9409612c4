"""Image→image Precision@k: each image of a split asks for others with its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from retrieval.config import EvaluateConfig
from retrieval.evaluation.bootstrap import BootstrapMeans
from retrieval.evaluation.metrics import precision_at_k
from retrieval.evaluation.relevance import Relevance
from retrieval.evaluation.results import PrecisionRow, ProtocolResult
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.related import Relatives

Rows = npt.NDArray[np.int64]


def evaluate_images(
    index: GalleryIndex,
    config: EvaluateConfig,
    *,
    protocol: Literal["leave-one-out", "train-gallery"],
) -> ProtocolResult:
    """Return P@k of every labelled image of the config's split as a query.

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
    gallery = index.subset(rows)
    banned, duplicates, same_group = _banned(index, queries, rows)
    ids = np.asarray(gallery.items.column("id"), dtype=object)
    found = gallery.search(
        index.embeddings(queries),
        max(config.top_ks),
        exclude_ids=[ids[positions].tolist() for positions in banned],
    )
    relevance = Relevance([str(label) for label in index.items.column("label")])
    relevant = relevance.between(queries, rows[found.rows])
    chance = _chances(relevance, queries, rows, banned)
    groups = groups_of(index, queries)
    return ProtocolResult(
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
        rows=tuple(_rows(relevance, queries, relevant, chance, config, groups)),
    )


def labelled(index: GalleryIndex, rows: Rows) -> tuple[Rows, int]:
    """Return the rows that have a label, and how many have none."""
    labels = index.items.column("label")
    kept = rows[[bool(labels[row]) for row in rows]] if len(rows) else rows
    return kept, len(rows) - len(kept)


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


def _chances(
    relevance: Relevance, queries: Rows, gallery: Rows, banned: Sequence[Rows]
) -> npt.NDArray[np.float64]:
    """Return for each query the share of relevant images among those it may meet."""
    relevant = relevance.counts(queries, gallery)
    for i, positions in enumerate(banned):
        relevant[i] -= relevance.between(queries[i : i + 1], gallery[positions][None, :]).sum()
    return np.asarray(relevant / (len(gallery) - np.array([len(b) for b in banned])))


def _rows(
    relevance: Relevance,
    queries: Rows,
    relevant: npt.NDArray[np.bool_],
    chance: npt.NDArray[np.float64],
    config: EvaluateConfig,
    groups: list[str] | None,
) -> list[PrecisionRow]:
    member = {label: relevance.having(label)[queries] for label in relevance.labels}
    member = {label: flags for label, flags in member.items() if flags.any()}
    chances = {label: float(chance[flags].mean()) for label, flags in member.items()}
    macro = float(np.mean(list(chances.values())))
    rows = []
    for top_k in config.top_ks:
        scores = precision_at_k(relevant, top_k)
        columns = [scores, *(np.where(flags, scores, np.nan) for flags in member.values())]
        means = BootstrapMeans(np.stack(columns, axis=1), groups=groups, seed=config.seed)
        n, classes = len(queries), range(1, len(columns))
        rows.append(_row("all", None, top_k, means, [0], float(chance.mean()), n))
        rows.append(_row("macro", None, top_k, means, list(classes), macro, n))
        for column, (label, flags) in enumerate(member.items(), start=1):
            n = int(flags.sum())
            rows.append(_row("class", label, top_k, means, [column], chances[label], n))
    return rows


def _row(
    scope: Literal["all", "macro", "class"],
    label: str | None,
    top_k: int,
    means: BootstrapMeans,
    columns: Sequence[int],
    chance: float,
    n: int,
) -> PrecisionRow:
    return PrecisionRow(
        scope=scope,
        label=label,
        top_k=top_k,
        precision=means.interval(*columns),
        chance=chance,
        n=n,
    )
