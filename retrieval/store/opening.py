"""Opening an index to change it, and making the change its state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from retrieval.encoders.base import Embeddings
from retrieval.index.commit import Change, changing
from retrieval.index.description import IndexDescription, load_description
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Items
from retrieval.index.segment import Segment, write_segment, write_tombstones
from retrieval.index.state import describe
from retrieval.milvus.place import MilvusPlace
from retrieval.place import Place, holds_index


class IndexChange(Protocol):
    """The right to change one index, wherever it is; ``changing_place`` gives it."""

    @property
    def index(self) -> GalleryIndex:
        """Its state before."""

    def write(self, batches: Iterable[tuple[Items, Embeddings]]) -> Any | None:
        """Write rows that do not count yet, for ``publish``; None when there is none."""

    def publish(
        self,
        *,
        removed: npt.NDArray[np.int64],
        added: Any | None,
        description: IndexDescription,
    ) -> IndexDescription:
        """Make ``index`` less some rows, and with those that were written, the state; return it.

        Args:
            removed: Rows that leave.
            added: What ``write`` returned.
            description: What has changed beside the rows.
        """


class FolderChange:
    """The right to change an index folder."""

    def __init__(self, change: Change, index: GalleryIndex) -> None:
        self.index = index
        self._change = change

    def write(self, batches: Iterable[tuple[Items, Embeddings]]) -> Segment | None:
        """Write a segment; None when the batches hold no row."""
        return write_segment(self._change, batches, self.index.dim)

    def publish(
        self,
        *,
        removed: npt.NDArray[np.int64],
        added: Segment | None,
        description: IndexDescription,
    ) -> IndexDescription:
        """Make ``index`` less some rows, and with another segment, the state on disk."""
        segments = [*self._remaining(removed), *([added] if added else [])]
        state = describe(description, segments)
        self._change.publish(state)
        return state

    def _remaining(self, removed: npt.NDArray[np.int64]) -> Sequence[Segment]:
        remaining, start = [], 0
        for segment in self.index.segments:
            here = removed[(removed >= start) & (removed < start + len(segment))] - start
            start += len(segment)
            if len(here) == 0:
                remaining.append(segment)
            elif len(here) < len(segment):
                remaining.append(write_tombstones(self._change, segment.without(here)))
        return remaining


@contextmanager
def changing_place(place: Place, *, wait: bool = True) -> Iterator[IndexChange]:
    """Hold an index's lock, wherever it is, and give its state under it.

    Raises:
        InputError: When there is no index, or another process changes it and ``wait`` is False.
    """
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.change import changing_milvus

        with changing_milvus(place, wait=wait) as milvus_change:
            yield milvus_change
        return
    with changing_index(place, wait=wait) as (change, index):
        yield FolderChange(change, index)


@contextmanager
def making_place(
    place: Place, empty: IndexDescription, *, wait: bool = True
) -> Iterator[IndexChange]:
    """Hold an index's lock and give its state under it, or that of ``empty`` where there is none.

    Raises:
        InputError: When another process changes it and ``wait`` is False.
    """
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.change import making_milvus

        with making_milvus(place, empty, wait=wait) as milvus_change:
            yield milvus_change
        return
    with changing(place, wait=wait) as change:
        index = GalleryIndex.load(place) if holds_index(place) else GalleryIndex(empty, [])
        yield FolderChange(change, index)


@contextmanager
def changing_index(index_dir: Path, *, wait: bool = True) -> Iterator[tuple[Change, GalleryIndex]]:
    """Hold an index folder's lock and give its state under it.

    Raises:
        InputError: When there is no index, or another process changes it and ``wait`` is False.
    """
    load_description(index_dir)  # where there is none, no folder or lock is made
    with changing(index_dir, wait=wait) as change:
        yield change, GalleryIndex.load(index_dir)
