"""Exact inner-product search over vectors in FAISS; nothing else in medx calls FAISS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from retrieval.encoders.base import Embeddings

# FAISS 1.12+ uses BLAS only from 128000 query values on, so that batches below 250 queries of
# dim 512 run several times slower than they can; the hits are the same.
faiss.cvar.distance_compute_blas_threshold = 2048

#: Multiply-adds (some 50 ms of one core) below which one thread searches alone. On a busy machine
#: waiting for a second thread costs more than it brings, up to twenty times the search.
SERIAL_WORK = 1_000_000_000


class FlatVectors:
    """Vectors ``(N, dim)`` that are searched one by one, so that no neighbour is missed."""

    def __init__(self, flat: Any) -> None:
        self._flat = flat

    def __len__(self) -> int:
        return int(self._flat.ntotal)

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return int(self._flat.d)

    @classmethod
    def from_embeddings(cls, embeddings: Embeddings) -> FlatVectors:
        """Return the vectors of a float32 array ``(N, dim)``."""
        flat: Any = faiss.IndexFlatIP(embeddings.shape[1])
        flat.add(np.ascontiguousarray(embeddings))
        return cls(flat)

    @classmethod
    def load(cls, path: Path) -> FlatVectors:
        """Open a file of vectors; they stay on disk until a search touches them.

        Raises:
            InputError: When it is damaged or of another kind.
        """
        try:
            # Memory-mapped vectors must never be added to: FAISS aborts the process.
            flat = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)
        except RuntimeError as error:
            raise InputError(f"{path} is damaged: FAISS cannot read it") from error
        if not isinstance(flat, faiss.IndexFlatIP):
            raise InputError(f"{path} is not a flat inner-product index")
        return cls(flat)

    def save(self, path: Path) -> None:
        """Write the vectors in FAISS's own format."""
        faiss.write_index(self._flat, str(path))

    def take(self, rows: npt.NDArray[np.int64] | None = None) -> Embeddings:
        """Return a copy of some rows, or of all."""
        values = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self.dim)
        vectors = values.reshape(len(self), self.dim)
        return np.array(vectors if rows is None else vectors[rows], np.float32)

    def search(
        self, queries: Embeddings, top_k: int, *, mask: npt.NDArray[np.bool_] | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return inner products and rows ``(Q, top_k)``, best first.

        Args:
            queries: float32 ``(Q, dim)``.
            top_k: At most the number of rows searched.
            mask: ``(N,)``: only rows that are True here are searched.
        """
        with _fitting_threads(len(queries), len(queries) * self._flat.ntotal * self.dim):
            similarities, rows = self._flat.search(
                np.ascontiguousarray(queries), top_k, params=_only(mask)
            )
        return similarities, rows


@contextmanager
def _fitting_threads(queries: int, work: int) -> Iterator[None]:
    usual = faiss.omp_get_max_threads()
    # FAISS shares queries among threads: with a single one the others could only be waited for.
    faiss.omp_set_num_threads(1 if queries == 1 or work < SERIAL_WORK else usual)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)


def _only(mask: npt.NDArray[np.bool_] | None) -> Any:
    if mask is None:
        return None
    library: Any = faiss  # its stubs know the C++ constructors only
    selector = library.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    return library.SearchParameters(sel=selector)
