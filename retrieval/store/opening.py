"""Opening an index to change it, and making the change its state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.index.commit import Change, changing
from retrieval.index.description import IndexDescription, load_description
from retrieval.index.gallery_index import GalleryIndex, describe
from retrieval.index.segment import Segment, write_tombstones


@contextmanager
def changing_index(index_dir: Path, *, wait: bool = True) -> Iterator[tuple[Change, GalleryIndex]]:
    """Hold an index's lock and give its state under it.

    Raises:
        InputError: When there is no index, or another process changes it and ``wait`` is False.
    """
    load_description(index_dir)  # where there is none, no folder or lock is made
    with changing(index_dir, wait=wait) as change:
        yield change, GalleryIndex.load(index_dir)


def publish(
    change: Change,
    index: GalleryIndex,
    *,
    removed: npt.NDArray[np.int64],
    added: Segment | None,
    description: IndexDescription | None = None,
) -> IndexDescription:
    """Make ``index`` less some rows and with another segment the state on disk; return it.

    Args:
        change: Under whose lock.
        index: The state so far, as it is on disk.
        removed: Rows that leave.
        added: A segment that comes, on disk.
        description: What has changed beside the segments.
    """
    segments = [*_remaining(change, index, removed), *([added] if added else [])]
    state = describe(description or index.description, segments)
    change.publish(state)
    return state


def _remaining(
    change: Change, index: GalleryIndex, removed: npt.NDArray[np.int64]
) -> Sequence[Segment]:
    remaining, start = [], 0
    for segment in index.segments:
        here = removed[(removed >= start) & (removed < start + len(segment))] - start
        start += len(segment)
        if len(here) < len(segment):
            remaining.append(
                write_tombstones(change, segment.without(here)) if len(here) else segment
            )
    return remaining
