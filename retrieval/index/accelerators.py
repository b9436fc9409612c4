"""What finds candidates faster than looking at every vector: graphs and inverted files of FAISS.

An accelerator only proposes rows. Their similarities, and so their order, always come from the flat
vectors, and a search that is filtered in any way never asks it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from retrieval.encoders.base import Embeddings
from retrieval.index.kinds import Kind
from retrieval.index.tuning import MEASURED_TOP_K, Tuning
from retrieval.index.vectors import fitting_threads

Rows = npt.NDArray[np.int64]

#: Queries from which sharing them among threads pays.
THREADED_QUERIES = 64
TYPES: dict[str, str] = {
    "hnsw": "IndexHNSWSQ",
    "ivf-sq8": "IndexIVFScalarQuantizer",
    "ivf-pq": "IndexIVFPQFastScan",
}


class Accelerator:
    """An approximate FAISS index over the rows of a segment.

    Args:
        faiss_index: Returns the row numbers of the segment.
        kind: What it is.
        tuning: How to search it; None until it is tuned.
    """

    def __init__(self, faiss_index: Any, kind: Kind, tuning: Tuning | None = None) -> None:
        self.kind = kind
        self.tuning = tuning
        self._index = faiss_index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return int(self._index.d)

    @classmethod
    def load(cls, path: Path, tuning: Tuning) -> Accelerator:
        """Open a file; codes stay on disk until a search touches them.

        Raises:
            InputError: When it is damaged or of another kind.
        """
        try:
            index: Any = faiss.read_index(
                str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY
            )
        except (RuntimeError, MemoryError) as error:
            raise InputError(f"{path} is damaged: FAISS cannot read it") from error
        core: Any = (
            faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else index
        )
        if type(core).__name__ != TYPES[tuning.kind] or core.ntotal != index.ntotal:
            raise InputError(f"{path} is damaged: it holds no index of kind {tuning.kind}")
        return cls(index, tuning.kind, tuning)

    def save(self, path: Path) -> None:
        """Write it in FAISS's own format."""
        faiss.write_index(self._index, str(path))

    def pays(self, top_k: int) -> bool:
        """Return whether asking for ``top_k`` rows is less work than looking at all."""
        return self._scaled(self.tuned.candidates, top_k) < len(self) // 4

    def candidates(self, queries: Embeddings, top_k: int) -> Rows:
        """Return rows ``(Q, n)`` that hold most of the ``top_k`` best; -1 is none.

        Args:
            queries: float32 ``(Q, dim)`` of unit length.
            top_k: Recall was measured at 10; for more, effort grows in proportion.

        Raises:
            InputError: When the file speaks of rows that are not there.
        """
        count = max(top_k, self._scaled(self.tuned.candidates, top_k))
        rows = self.propose(queries, self._scaled(self.tuned.effort, top_k), min(count, len(self)))
        if rows.size and not -1 <= rows.min() <= rows.max() < len(self):
            raise InputError(
                f"the {self.kind} file of the index is damaged: it names rows that are not there",
                hint="make it again with `medx retrieve compact`",
            )
        return rows

    def propose(self, queries: Embeddings, effort: int, count: int) -> Rows:
        """Return ``count`` rows a query, ``(Q, count)``, found with a given effort; -1 is none."""
        library: Any = faiss  # its stubs know the C++ constructors only
        if self.kind == "hnsw":
            parameters = library.SearchParametersHNSW(efSearch=max(effort, count))
        else:
            parameters = library.SearchParametersIVF(nprobe=effort)
        with fitting_threads(many=len(queries) >= THREADED_QUERIES):
            _, rows = self._index.search(np.ascontiguousarray(queries), count, params=parameters)
        return np.asarray(rows, np.int64)

    @property
    def tuned(self) -> Tuning:
        """How to search it."""
        if self.tuning is None:
            raise ValueError("an accelerator must be tuned before it is searched")
        return self.tuning

    def _scaled(self, value: int, top_k: int) -> int:
        return math.ceil(value * max(1.0, top_k / MEASURED_TOP_K))
