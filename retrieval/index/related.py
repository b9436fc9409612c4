"""Which indexed images must not pass for a neighbour: same pixels, or same group (patient)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items

Rows = npt.NDArray[np.int64]


class Relatives:
    """Positions among ``rows`` of ``items`` by content hash and by group; empty ones never match.

    Args:
        items: The rows of an index.
        rows: ``(N,)``: the rows to look among; positions count in them.
    """

    def __init__(self, items: Items, rows: Rows) -> None:
        self._by_digest = _positions(items.column("content_hash"), rows)
        self._by_group = _positions(items.column("group"), rows)

    def copies(self, digest: str | None) -> set[int]:
        """Return the positions with these very pixels."""
        return set(self._by_digest.get(digest, ()))

    def group(self, name: str | None) -> set[int]:
        """Return the positions of this group."""
        return set(self._by_group.get(name, ()))


def related_ids(
    index: GalleryIndex,
    *,
    digest: str | None = None,
    record_id: str | None = None,
) -> list[str]:
    """Return the ids of images with the same pixels or of the same group, in row order.

    The group of an image known by its pixels alone is that of its indexed copies.

    Args:
        index: The gallery.
        digest: ``content_hash`` of decoded pixels.
        record_id: An id; it is among the answers itself. One that is not indexed has no relatives.
    """
    items = index.items
    related = items.rows_of([record_id] if record_id else [])
    hashes = {digest, *(item.content_hash for item in _items_at(items, related))}
    related = _with(items, "content_hash", hashes, related)
    groups = {item.group for item in _items_at(items, related)}
    related = _with(items, "group", groups, related)
    return [item.id for item in _items_at(items, related)]


def copies_of(index: GalleryIndex, digest: str) -> list[Item]:
    """Return the indexed images with these very pixels, in row order."""
    return _items_at(index.items, index.items.rows_where("content_hash", digest).tolist())


def _with(items: Items, column: str, values: set[str | None], rows: Sequence[int]) -> list[int]:
    """Return some rows and those that hold one of the values, in order; empty ones count not."""
    more = [items.rows_where(column, value).tolist() for value in values if value]
    return sorted(set(rows).union(*more))


def _items_at(items: Items, rows: Sequence[int]) -> list[Item]:
    items.remember(np.array(rows, np.int64))
    return [items.item(row) for row in rows]


def _positions(column: Sequence[str | None], rows: Rows) -> dict[str | None, list[int]]:
    table: dict[str | None, list[int]] = {}
    for position, row in enumerate(rows):
        if column[row]:
            table.setdefault(column[row], []).append(position)
    return table
