"""Rewriting an index into one segment that stores nothing but what can be found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from medx.core.console import progress_bar
from retrieval.encoders.base import Embeddings
from retrieval.index.description import total_bytes
from retrieval.index.gallery_index import GalleryIndex, describe
from retrieval.index.items import Items
from retrieval.index.segment import write_segment
from retrieval.store.opening import changing_index
from retrieval.store.results import CompactResult


def compact_index(index_dir: Path, *, wait: bool = True) -> CompactResult:
    """Rewrite an index into one segment; one that is so already is left alone.

    Raises:
        InputError: When there is no index, or another process changes it and ``wait`` is False.
    """
    started = time.perf_counter()
    with changing_index(index_dir, wait=wait) as (change, index):
        before = state = index.description
        dropped = sum(entry.removed for entry in before.segments)
        if len(before.segments) > 1 or dropped:
            segment = write_segment(change, _tracked(index), index.dim)
            state = describe(before, [segment] if segment else [])
            change.publish(state)
    return CompactResult(
        index=state.name,
        index_dir=str(index_dir),
        count=state.count,
        segments_before=len(before.segments),
        segments=len(state.segments),
        dropped=dropped,
        megabytes_before=total_bytes(before.segments) / 1e6,
        megabytes=total_bytes(state.segments) / 1e6,
        kind=state.kind,
        seconds=time.perf_counter() - started,
    )


def _tracked(index: GalleryIndex) -> Iterator[tuple[Items, Embeddings]]:
    with progress_bar(f"rewriting {index.name}", len(index)) as progress:
        for items, embeddings in index.batches():
            yield items, embeddings
            progress.advance(progress.task_ids[0], len(items))
