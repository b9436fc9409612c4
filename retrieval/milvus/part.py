"""The rows of a collection that a gallery holds: all that count, or some of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.milvus.collection import Collection, in_ranges
from retrieval.milvus.numbering import Numbering, joined
from retrieval.milvus.rows import PLACE, VECTOR

Rows = npt.NDArray[np.int64]

#: Length of the longest expression that picks rows.
LONGEST_EXPRESSION = 200_000


class Part:
    """Some rows of a collection, numbered from 0.

    Args:
        collection: Where they are.
        numbering: Which they are.
        scope: The expression that picks them; empty for all of the collection, None when there is
            none that a server could be sent.
    """

    def __init__(
        self, collection: Collection, numbering: Numbering, scope: str | None = ""
    ) -> None:
        self.collection = collection
        self.numbering = numbering
        self.scope = scope

    def __len__(self) -> int:
        return len(self.numbering)

    def take(self, rows: Rows) -> Part:
        """Return some of these rows, in that order."""
        numbering = Numbering.of_places(self.numbering.places(rows))
        scope = in_ranges(joined(numbering.ranges))
        kept = scope if len(scope) <= LONGEST_EXPRESSION else None
        return Part(self.collection, numbering, kept)

    def within(self, chosen: str) -> str:
        """Return the expression for those of the rows that fulfil another.

        Where there is no expression for the rows, others may fulfil it, too.
        """
        before = f"{PLACE} < {self.numbering.span[1]}"  # somebody may be adding rows
        parts = [self.scope or before, chosen] if chosen else [self.scope]
        return " and ".join(f"({part})" for part in parts if part)

    def count(self, chosen: str) -> int:
        """Return how many rows fulfil an expression."""
        if not chosen:
            return len(self)
        if self.scope is not None:
            return self.collection.count(self.within(chosen))
        return sum(len(page) for page in self.pages(chosen, []))

    def pages(self, chosen: str, fields: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows that fulfil an expression, by place, some at a time."""
        begin, end = self.numbering.span
        if not chosen and end - begin > 4 * len(self):
            found = self.collection.at_places(self.numbering.places(), fields)
            yield sorted(found, key=lambda row: int(row[PLACE]))
            return
        for page in self.collection.pages(self.within(chosen), fields, begin, end):
            numbers = self.numbering.rows(places_of(page))
            kept = [row for row, number in zip(page, numbers, strict=True) if number >= 0]
            if kept:
                yield kept

    def with_ids(self, ids: Iterable[str], chosen: str = "") -> dict[str, int]:
        """Return the rows of those ids that are here and fulfil an expression."""
        found = self.collection.with_ids(ids, [], chosen)
        rows = self.numbering.rows(places_of(found))
        return {hit["id"]: int(row) for hit, row in zip(found, rows, strict=True) if row >= 0}

    def vectors(self, rows: Rows | None = None) -> Embeddings:
        """Return the vectors ``(N, dim)`` of some rows, or of all."""
        part = self if rows is None else self.take(np.unique(rows))
        found = np.zeros((len(part), self.collection.dim), np.float32)
        for page in part.pages("", [VECTOR]):
            found[part.numbering.rows(places_of(page))] = vectors_of(page, self.collection.dim)
        return found if rows is None else found[np.searchsorted(np.unique(rows), rows)]


def places_of(page: Sequence[dict[str, Any]]) -> Rows:
    """Return the places of rows of a collection."""
    return np.array([row[PLACE] for row in page], np.int64)


def vectors_of(page: Sequence[dict[str, Any]], dim: int) -> Embeddings:
    """Return the vectors ``(N, dim)`` of rows of a collection."""
    vectors = np.array([row[VECTOR] for row in page], np.float32)
    return np.asarray(vectors.reshape(len(page), dim), np.float32)
