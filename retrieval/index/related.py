"""Which indexed images must not pass for a neighbour: same pixels, or same group (patient)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Items

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
    known: Relatives | None = None,
) -> list[str]:
    """Return the ids of images with the same pixels or of the same group, in row order.

    The group of an image known by its pixels alone is that of its indexed copies.

    Args:
        index: The gallery.
        digest: ``content_hash`` of decoded pixels.
        record_id: An id; it is among the answers itself. One that is not indexed has no relatives.
        known: The relatives of all rows, where many are asked for.
    """
    items = index.items
    known = known or Relatives(items, np.arange(len(items)))
    related = set(items.rows_of([record_id] if record_id else []))
    hashes = {digest, *(items.item(row).content_hash for row in related)}
    related.update(*(known.copies(name) for name in hashes))
    groups = {items.item(row).group for row in related}
    related.update(*(known.group(name) for name in groups))
    rows = sorted(related)
    items.remember(np.array(rows, np.int64))
    return [items.item(row).id for row in rows]


def _positions(column: Sequence[str | None], rows: Rows) -> dict[str | None, list[int]]:
    table: dict[str | None, list[int]] = {}
    for position, row in enumerate(rows):
        if column[row]:
            table.setdefault(column[row], []).append(position)
    return table
