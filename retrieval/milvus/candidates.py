"""What a server's index proposes, for an evaluation of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.index.accelerators import Accelerator
from retrieval.index.tuning import Tuning
from retrieval.milvus.collection import MOST_ROWS
from retrieval.milvus.part import Part


class ServerCandidates(Accelerator):
    """The server's own filtered search, approximate where a search of medx would be exact.

    Args:
        part: The rows that may be proposed.
        tuning: How the server's index is searched.
    """

    def __init__(self, part: Part, tuning: Tuning) -> None:
        super().__init__(None, tuning.kind, tuning)
        self._part = part

    def __len__(self) -> int:
        return len(self._part)

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return self._part.collection.dim

    def propose(self, queries: Embeddings, effort: int, count: int) -> npt.NDArray[np.int64]:
        """Return ``count`` rows a query, ``(Q, count)``, found with a given effort; -1 is none."""
        hits = self._part.collection.search(
            queries,
            min(count, MOST_ROWS),
            kind=self.kind,
            expression=self._part.within(""),
            effort=effort,
        )
        rows = np.full((len(queries), count), -1, np.int64)
        for query, found in enumerate(hits):
            places = np.array([place for _, place in found], np.int64)
            rows[query, : len(found)] = self._part.numbering.rows(places)
        return rows
