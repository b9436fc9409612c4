"""Which of the images that come to an index it takes in, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.store.comparison import Comparison, Placed


class Intake:
    """Takes what is new and, where it may replace, what differs.

    Args:
        index: The state before.
        replace: Whether what differs takes the place of what is indexed.
    """

    def __init__(self, index: GalleryIndex, *, replace: bool) -> None:
        self.counts = Counter[str]()
        self.differing: list[str] = []
        self.renamed: list[str] = []
        self.comparison = Comparison(index)
        self._replace = replace
        self._met: set[int] = set()
        self._leaving: set[int] = set()

    @property
    def leaving(self) -> npt.NDArray[np.int64]:
        """The rows that leave the index, ascending."""
        return np.array(sorted(self._leaving), np.int64)

    def take(self, items: Sequence[Item], embeddings: Embeddings) -> tuple[Items, Embeddings]:
        """Return what of a batch goes in."""
        self.comparison.expect(items)
        places = [self.comparison.place(item) for item in items]
        taken = [n for n, place in enumerate(places) if self._takes(place, items[n])]
        return Items.from_items([places[n].item for n in taken]), embeddings[taken]

    def not_met(self, dataset: str, *, but: Sequence[str]) -> set[int]:
        """Return the rows of a dataset of which nothing came, without those of some ids."""
        rows = self.comparison.rows_of(dataset) - self._met
        return rows - self.comparison.rows_named(but, dataset)

    def drop(self, rows: set[int]) -> None:
        """Let rows leave the index for nothing that comes."""
        self._leaving |= rows
        self.counts["gone"] += len(rows)

    def _takes(self, place: Placed, item: Item) -> bool:
        if place.state == "new":
            self.counts["new"] += 1
            if place.item.id != item.id:
                self.renamed.append(place.item.id)
            return True
        if place.row is not None:
            self._met.add(place.row)
        if place.state != "same" and not self._replace:
            self.differing.append(place.item.id)
            return False
        self.counts[place.state] += 1
        if place.state == "same":
            return False
        if place.row is not None:
            self._leaving.add(place.row)
        return True
