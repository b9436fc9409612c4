"""Images that are kept back while an index is measured: it must not have seen its queries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.index.items import Items
from retrieval.milvus.numbering import Numbering, Range, joined

Rows = npt.NDArray[np.int64]

#: Up to so many are kept back, and of a small gallery this share.
HELD_MOST, HELD_SHARE = 1000, 0.2


class HeldImages:
    """Images drawn by chance from all that come, to go into a collection when it was measured.

    Args:
        kind: The kind that was asked for; for ``flat`` there is nothing to measure.
        dim: Length of each vector.
        seed: Of the draw.
    """

    def __init__(self, kind: str, dim: int, *, seed: int = 0) -> None:
        self.items = Items.from_items([])
        self.embeddings: Embeddings = np.empty((0, dim), np.float32)
        self.places: Rows = np.empty(0, np.int64)
        self._lots = np.empty(0)
        self._share = 0.0 if kind == "flat" else HELD_SHARE
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def gaps(self) -> list[Range]:
        """The places they will get, in ascending ranges."""
        return joined(Numbering.of_places(np.sort(self.places)).ranges)

    def draw(
        self, items: Items, embeddings: Embeddings, places: Rows
    ) -> tuple[Items, Embeddings, Rows]:
        """Keep some rows back, perhaps instead of earlier ones; return those that are not kept."""
        items = Items.concat([self.items, items])
        embeddings = np.concatenate([self.embeddings, embeddings])
        places = np.concatenate([self.places, places])
        lots = np.concatenate([self._lots, self._random.random(len(places) - len(self))])
        kept = lots < self._share
        if kept.sum() > HELD_MOST:
            kept = np.argsort(np.argsort(lots)) < HELD_MOST
        mine, others = np.flatnonzero(kept), np.flatnonzero(~kept)
        self.items, self.embeddings = items.take(mine), embeddings[mine]
        self.places, self._lots = places[mine], lots[mine]
        return items.take(others), embeddings[others], places[others]
