"""A segment: vectors with their items, written once, less the rows that were removed since."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError
from retrieval.encoders.base import Embeddings
from retrieval.index.accelerators import Accelerator
from retrieval.index.commit import Change
from retrieval.index.description import SegmentEntry
from retrieval.index.flat_file import write_flat_file
from retrieval.index.items import Items
from retrieval.index.kinds import Kind
from retrieval.index.vectors import FlatVectors

Rows = npt.NDArray[np.int64]

NO_ROWS: Rows = np.empty(0, np.int64)


class Segment:
    """Rows that can be found, counted from 0 without the removed ones.

    Args:
        items: All stored rows.
        vectors: Row for row with ``items``.
        removed: Stored rows that are removed, ascending.
        accelerator: Proposes stored rows; None where every vector is looked at.
        entry: What ``index.json`` says of it; None while it is only in memory.
    """

    def __init__(
        self,
        items: Items,
        vectors: FlatVectors,
        *,
        removed: Rows = NO_ROWS,
        accelerator: Accelerator | None = None,
        entry: SegmentEntry | None = None,
    ) -> None:
        if len(items) != len(vectors):
            raise InputError(f"{len(vectors)} vectors beside {len(items)} items")
        if accelerator and (len(accelerator), accelerator.dim) != (len(vectors), vectors.dim):
            raise InputError(
                f"an accelerator of {len(accelerator)} vectors of dim {accelerator.dim} beside "
                f"{len(vectors)} of dim {vectors.dim}"
            )
        self.entry = entry
        self.removed = removed
        self.vectors = vectors
        self.accelerator = accelerator
        self._items = items

    @classmethod
    def open(cls, index_dir: Path, entry: SegmentEntry) -> Segment:
        """Open a segment's files; vectors stay on disk until a search touches them.

        Raises:
            InputError: When a file is missing, damaged or not of this segment.
        """
        for file in entry.files:
            if not (index_dir / file.name).is_file():
                raise InputError(f"{index_dir} is not a whole index: no {file.name} in it")
        vectors = FlatVectors.load(index_dir / entry.vectors.name)
        items = Items.load(index_dir / entry.items.name)
        removed = NO_ROWS
        if entry.tombstones:
            removed = _load_rows(index_dir / entry.tombstones.name, entry.stored)
        stored = {entry.stored, len(vectors), len(items)}
        if len(stored) > 1 or len(removed) != entry.removed:
            raise InputError(
                f"{entry.name} is damaged: {len(vectors)} vectors, {len(items)} items and "
                f"{len(removed)} removed where index.json says {entry.stored} and {entry.removed}"
            )
        accelerator = None
        if entry.accelerator and entry.tuning:
            path = index_dir / entry.accelerator.name
            if path.stat().st_size != entry.accelerator.bytes:  # a short one may end the process
                raise InputError(f"{path} is damaged: it is not {entry.accelerator.bytes} bytes")
            accelerator = Accelerator.load(path, entry.tuning)
        return cls(items, vectors, removed=removed, accelerator=accelerator, entry=entry)

    def __len__(self) -> int:
        return len(self._items) - len(self.removed)

    @property
    def dim(self) -> int:
        """Length of each vector."""
        return self.vectors.dim

    @property
    def kind(self) -> Kind:
        """How it is searched."""
        return self.accelerator.kind if self.accelerator else "flat"

    @cached_property
    def items(self) -> Items:
        """What is known of each row."""
        return self._items.take(self._stored_rows) if len(self.removed) else self._items

    def embeddings(self, rows: Rows | None = None) -> Embeddings:
        """Return the vectors ``(N, dim)`` of some rows, or of all."""
        if len(self.removed) == 0:
            return self.vectors.take(rows)
        return self.vectors.take(self._stored_rows if rows is None else self._stored_rows[rows])

    def search(
        self,
        queries: Embeddings,
        top_k: int,
        *,
        mask: npt.NDArray[np.bool_] | None = None,
        exact: bool = True,
    ) -> tuple[npt.NDArray[np.float32], Rows]:
        """Return similarities and rows of each query, best first, at most ``top_k`` of them.

        Args:
            queries: float32 ``(Q, dim)`` of unit length.
            top_k: How many rows a query; less where there are not so many.
            mask: ``(N,)``: only rows that are True here are searched, and exactly.
            exact: Look at every vector, even where an accelerator knows a shorter way.
        """
        available = len(self) if mask is None else int(mask.sum())
        wanted = min(top_k, available)
        if wanted == 0:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        # Of what is proposed the removed rows fall away, so that more has to be asked for.
        asked = -(-wanted * len(self._items) // len(self))
        if not exact and mask is None and self.accelerator and self.accelerator.pays(asked):
            return self._search_candidates(self.accelerator, queries, wanted, asked)
        if len(self.removed) == 0:
            return self.vectors.search(queries, wanted, mask=mask)
        stored = np.zeros(len(self._items), bool)
        stored[self._stored_rows if mask is None else self._stored_rows[mask]] = True
        similarities, found = self.vectors.search(queries, wanted, mask=stored)
        return similarities, np.searchsorted(self._stored_rows, found)

    def _search_candidates(
        self, accelerator: Accelerator, queries: Embeddings, wanted: int, asked: int
    ) -> tuple[npt.NDArray[np.float32], Rows]:
        """Rank what the accelerator proposes; look at every vector where that is too little."""
        stored = accelerator.candidates(queries, asked)
        if len(self.removed):
            stored = np.where(np.isin(stored, self.removed), -1, stored)
        similarities = self.vectors.similarities(queries, stored)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :wanted]
        similarities = np.take_along_axis(similarities, order, axis=1)
        found = np.take_along_axis(stored, order, axis=1)
        rows = np.searchsorted(self._stored_rows, found) if len(self.removed) else found
        short = found[:, -1] < 0
        if short.any():
            similarities[short], rows[short] = self.search(queries[short], wanted)
        return similarities, rows

    def without(self, rows: Rows) -> Segment:
        """Return this segment, not yet on disk, less some of its rows."""
        removed = np.union1d(self.removed, self._stored_rows[rows])
        return Segment(
            self._items,
            self.vectors,
            removed=removed,
            accelerator=self.accelerator,
            entry=self.entry,
        )

    @cached_property
    def _stored_rows(self) -> Rows:
        """Where each row is in the files, ascending."""
        return np.setdiff1d(np.arange(len(self._items)), self.removed, assume_unique=True)


def write_segment(
    change: Change, batches: Iterable[tuple[Items, Embeddings]], dim: int
) -> Segment | None:
    """Write a new flat segment batch by batch; None when the batches hold no row.

    Args:
        change: Under whose lock.
        batches: Items with their unit vectors ``(n, dim)``.
        dim: Length of each vector.
    """
    name = f"segment-{uuid.uuid4().hex[:12]}"
    parts: list[Items] = []

    def pieces() -> Iterator[Embeddings]:
        for items, embeddings in batches:
            if embeddings.shape != (len(items), dim):
                raise ValueError(
                    f"embeddings must be ({len(items)}, {dim}), got {embeddings.shape}"
                )
            parts.append(items)
            yield embeddings

    vectors = change.write(
        f"{name}.vectors.faiss", lambda path: write_flat_file(path, pieces(), dim)
    )
    items = Items.concat(parts)
    if len(items) == 0:
        return None
    entry = SegmentEntry(
        name=name,
        stored=len(items),
        vectors=vectors,
        items=change.write(f"{name}.items.parquet", items.save),
    )
    return Segment.open(change.index_dir, entry)


def write_tombstones(change: Change, segment: Segment) -> Segment:
    """Write which rows of a segment are removed, where that is not on disk yet."""
    entry = segment.entry
    if entry is None:
        raise ValueError("segment must be on disk, got one in memory")
    if entry.removed == len(segment.removed):
        return segment
    name = f"{entry.name}.removed-{uuid.uuid4().hex[:12]}.npy"
    file = change.write(name, lambda path: np.save(path, segment.removed))
    changes = {"removed": len(segment.removed), "tombstones": file}
    segment.entry = entry.model_copy(update=changes)
    return segment


def _load_rows(path: Path, stored: int) -> Rows:
    try:
        rows = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    ascending = rows.ndim == 1 and rows.dtype == np.int64 and bool((np.diff(rows) > 0).all())
    if not ascending or (len(rows) and not 0 <= rows[0] <= rows[-1] < stored):
        raise InputError(f"{path} is damaged: not rows of its segment")
    return np.asarray(rows, np.int64)
