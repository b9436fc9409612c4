"""Images that are kept back while an index is measured: it must not have seen its queries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.index.items import Items
from retrieval.milvus.numbering import Numbering, Range

Rows = npt.NDArray[np.int64]

#: Images that are held back while an index is measured: this share, up to so many.
HELD_SHARE, HELD_MOST = 0.02, 1000


class HeldImages:
    """Some images, drawn by chance, that go into a new collection only when it was measured.

    Args:
        kind: The kind that was asked for; for ``flat`` there is nothing to measure.
        seed: Of the draw.
    """

    def __init__(self, kind: str, *, seed: int) -> None:
        self.kept: list[tuple[Items, Embeddings, Rows]] = []
        self._share = 0.0 if kind == "flat" else HELD_SHARE
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return sum(len(places) for _, _, places in self.kept)

    @property
    def embeddings(self) -> Embeddings:
        """Their vectors ``(N, dim)``."""
        return np.concatenate([embeddings for _, embeddings, _ in self.kept])

    @property
    def ranges(self) -> list[Range]:
        """The places they will get."""
        return [run for *_, places in self.kept for run in Numbering.of_places(places).ranges]

    def draw(self, items: Items, embeddings: Embeddings, places: Rows) -> Rows:
        """Keep some rows back; return the others."""
        drawn = self._random.random(len(items)) < self._share
        if len(self) + drawn.sum() > HELD_MOST:
            drawn[:] = False
        if drawn.any():
            rows = np.flatnonzero(drawn)
            self.kept.append((items.take(rows), embeddings[rows], places[rows]))
        return np.flatnonzero(~drawn)
