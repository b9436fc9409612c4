"""Images as queries to other images: whom each may meet, and how well an embedding answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.evaluation.measures import Measure, expect_all, measure_all
from retrieval.evaluation.metrics import Counts, Floats
from retrieval.evaluation.ranking import rank_candidates, rank_gallery
from retrieval.evaluation.relevance import Relevance
from retrieval.index.accelerators import Accelerator
from retrieval.index.items import Items
from retrieval.index.related import Relatives

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What the ranking of a gallery gave for Q queries.

    Args:
        values: ``(Q, M)``: each measure.
        neighbours: ``(Q, k)``: gallery positions of the first hits; -1 where none was found.
        nearest: ``(Q, 2)``: similarity of the nearest image of all, and of the nearest right one.
    """

    values: Floats
    neighbours: Rows
    nearest: Floats


class ImageQueries:
    """Rows of an index that ask for rows of a gallery, whatever embeds them.

    A query never meets itself (by id), an image with the very same pixels, or one of its own group.

    Args:
        items: The rows of the index.
        queries: Rows ``(Q,)`` with a label.
        gallery: Rows ``(G,)`` with a label.
    """

    def __init__(self, items: Items, queries: Rows, gallery: Rows) -> None:
        self.queries, self.gallery = queries, gallery
        self.relevance = Relevance([str(label) for label in items.column("label")])
        self.banned, self.duplicates, self.same_group = _banned(items, queries, gallery)
        #: How many images each query may meet, and how many of them are relevant, ``(Q,)``.
        self.allowed: Counts = len(gallery) - np.array([len(b) for b in self.banned], np.int64)
        self.total = self._relevant()

    def answer(
        self,
        queries: Embeddings,
        gallery: Embeddings,
        measures: Sequence[Measure],
        accelerator: Accelerator | None = None,
    ) -> Answers:
        """Return how well embeddings ``(Q, dim)`` find their like among ``(G, dim)``.

        Args:
            queries: Of the queries.
            gallery: Of the gallery.
            measures: What to measure; only those at a k where an accelerator is given.
            accelerator: Finds the neighbours; None looks at every image.
        """
        count = len(queries)
        top_k = max(measure.top_k or 1 for measure in measures)
        values = np.empty((count, len(measures)))
        neighbours = np.empty((count, top_k), np.int64)
        nearest = np.full((count, 2), np.nan)
        blocks = (
            rank_candidates(queries, gallery, self.banned, accelerator, top_k)
            if accelerator
            else rank_gallery(queries, gallery, self.banned)
        )
        for block in blocks:
            part = block.queries
            relevant = self.relevance.between(self.queries[part], self.gallery[block.order])
            relevant &= block.found
            values[part] = measure_all(measures, relevant, self.total[part])
            neighbours[part] = np.where(block.found, block.order, -1)[:, :top_k]
            nearest[part, 0] = block.similarities[:, 0]
            right = block.similarities[np.arange(len(relevant)), relevant.argmax(axis=1)]
            nearest[part, 1] = np.where(relevant.any(axis=1), right, np.nan)
        return Answers(values=values, neighbours=neighbours, nearest=nearest)

    def chance(self, measures: Sequence[Measure]) -> Floats:
        """Return ``(Q, M)``: what random orders score."""
        return expect_all(measures, self.total, self.allowed)

    def _relevant(self) -> Counts:
        relevant = self.relevance.counts(self.queries, self.gallery)
        for i, positions in enumerate(self.banned):
            met = self.relevance.between(self.queries[i : i + 1], self.gallery[positions][None, :])
            relevant[i] -= met.sum()
        return relevant


def labelled(items: Items, rows: Rows) -> tuple[Rows, int]:
    """Return the rows that have a label, in the order of their ids, and how many have none."""
    labels, ids = items.column("label"), items.column("id")
    kept = sorted((int(row) for row in rows if labels[row]), key=lambda row: str(ids[row]))
    return np.array(kept, np.int64), len(rows) - len(kept)


def groups_of(items: Items, rows: Rows) -> list[str] | None:
    """Return the group of each row (its id where it has none), or None when no row has one."""
    groups, ids = items.column("group"), items.column("id")
    if not any(groups[row] for row in rows):
        return None
    return [f"group {groups[row]}" if groups[row] else f"id {ids[row]}" for row in rows]


def unit_of(groups: Sequence[str] | None) -> str:
    """Return what is drawn again where queries are of these groups."""
    return "queries" if groups is None else "groups of queries"


def _banned(items: Items, queries: Rows, gallery: Rows) -> tuple[list[Rows], int, int]:
    """Return the gallery positions each query must not meet, and how many by each reason."""
    hashes, groups = items.column("content_hash"), items.column("group")
    known = Relatives(items, gallery)
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
