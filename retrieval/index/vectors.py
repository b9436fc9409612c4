"""Exact inner-product search over vectors in FAISS."""

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
BLAS_VALUES = 2048
faiss.cvar.distance_compute_blas_threshold = BLAS_VALUES

#: Multiply-adds (some 50 ms of one core) below which one thread searches alone. On a busy machine
#: waiting for a second thread costs more than it brings, up to twenty times the search.
SERIAL_WORK = 1_000_000_000

#: Queries from which BLAS on copies of the allowed rows beats looking at those rows one by one.
BLAS_QUERIES = 16
#: Rows copied at a time: 32 MB at dim 512.
COPIED_ROWS = 16_384
#: BLAS rounds equal vectors otherwise at each place: so near may be the similarities of equal ones.
SAME = 1e-6
#: Rows found beyond those wanted, and beyond as many again, to tell where equal ones end.
SPARE_ROWS = 8


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

    def take(self, rows: npt.NDArray[np.int64] | None = None) -> Embeddings:
        """Return a copy of some rows, or of all."""
        values = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self.dim)
        vectors = values.reshape(len(self), self.dim)
        return np.array(vectors if rows is None else vectors[rows], np.float32)

    def similarities(
        self, queries: Embeddings, rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Return the inner product of each query with its own rows, ``(Q, n)``.

        Args:
            queries: float32 ``(Q, dim)``.
            rows: ``(Q, n)``; the similarity with row -1 is minus infinity.
        """
        queries, rows = np.ascontiguousarray(queries), np.ascontiguousarray(rows, np.int64)
        found = np.empty(rows.shape, np.float32)
        library: Any = faiss  # its stubs lack this function
        with fitting_threads(many=rows.size * self.dim >= SERIAL_WORK):
            library.fvec_inner_products_by_idx(
                faiss.swig_ptr(found), faiss.swig_ptr(queries), self._flat.get_xb(),
                faiss.swig_ptr(rows), self.dim, *rows.shape,
            )  # fmt: skip
        return found

    def search(
        self, queries: Embeddings, top_k: int, *, mask: npt.NDArray[np.bool_] | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return inner products and rows ``(Q, top_k)``, best first, equal ones in row order.

        Args:
            queries: float32 ``(Q, dim)``.
            top_k: At most the number of rows searched.
            mask: ``(N,)``: only rows that are True here are searched.
        """
        copied = mask is not None and len(queries) >= BLAS_QUERIES
        by_blas = queries.size >= BLAS_VALUES and (mask is None or copied)
        if not by_blas:
            return self._search(queries, top_k, mask)
        allowed = np.arange(len(self)) if mask is None else np.flatnonzero(mask)
        # Beyond the last one wanted there must be one that is clearly less similar.
        wanted = min(2 * top_k + SPARE_ROWS, len(allowed))
        if copied:
            rows = self._search_copies(queries, wanted, allowed)
        else:
            _, rows = self._search(queries, wanted, None)
        similarities, rows = _in_order(self.similarities(queries, rows), rows)
        if wanted < len(allowed):
            gaps = similarities[:, top_k - 1] - similarities[:, -1]
            for tied in np.flatnonzero(gaps <= SAME):
                values = self.similarities(queries[tied : tied + 1], allowed[None])
                best, found = _in_order(values, allowed[None])
                similarities[tied], rows[tied] = best[0, :wanted], found[0, :wanted]
        return similarities[:, :top_k], rows[:, :top_k]

    def _search(
        self, queries: Embeddings, top_k: int, mask: npt.NDArray[np.bool_] | None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        work = len(queries) * len(self) * self.dim
        # FAISS shares queries among threads: with a single one the others could only be waited for.
        with fitting_threads(many=len(queries) > 1 and work >= SERIAL_WORK):
            similarities, rows = self._flat.search(
                np.ascontiguousarray(queries), top_k, params=_only(mask)
            )
        return similarities, rows

    def _search_copies(
        self, queries: Embeddings, top_k: int, allowed: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Search copies of the allowed rows, some at a time: a selector would keep BLAS out."""
        values, rows = [], []
        for start in range(0, len(allowed), COPIED_ROWS):
            part = allowed[start : start + COPIED_ROWS]
            work = len(queries) * len(part) * self.dim
            with fitting_threads(many=work >= SERIAL_WORK):
                found = faiss.knn(
                    np.ascontiguousarray(queries), self.take(part), min(top_k, len(part)),
                    metric=faiss.METRIC_INNER_PRODUCT,
                )  # fmt: skip
            values.append(found[0])
            rows.append(part[found[1]])
        similarities, taken = np.concatenate(values, axis=1), np.concatenate(rows, axis=1)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :top_k]
        return np.take_along_axis(taken, order, axis=1)


def _in_order(
    similarities: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    order = np.lexsort((rows, -similarities), axis=1)
    return (
        np.take_along_axis(similarities, order, axis=1),
        np.take_along_axis(rows, order, axis=1),
    )


@contextmanager
def fitting_threads(*, many: bool) -> Iterator[None]:
    """Let FAISS use many threads in the block, or one."""
    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(usual if many else 1)
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
