"""Rewriting an index into one segment that stores nothing but what can be found."""

from __future__ import annotations

import time

from retrieval.index.accelerate import accelerate
from retrieval.index.description import total_bytes
from retrieval.index.kinds import AUTO, resolve_kind
from retrieval.index.segment import write_segment
from retrieval.index.state import describe
from retrieval.milvus.place import MilvusPlace
from retrieval.place import Place
from retrieval.store.opening import changing_index
from retrieval.store.results import CompactResult
from retrieval.store.tracked import tracked_batches


def compact_index(
    place: Place,
    *,
    kind: str | None = None,
    memory_bytes: int | None = None,
    wait: bool = True,
) -> CompactResult:
    """Rewrite an index into one segment of a kind; one that is so already is left alone.

    Args:
        place: Where it is.
        kind: One of ``KINDS`` or ``auto``; None takes what the index was built with.
        memory_bytes: What ``auto`` may hold in memory; None takes what it was built with.
        wait: Wait while another process changes the index.

    Raises:
        InputError: When there is no index, too few images for the kind, or another process changes
            it and ``wait`` is False.
        UnknownNameError: When there is no such kind.
    """
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.upkeep import compact_gallery

        return compact_gallery(place, kind=kind, memory_bytes=memory_bytes, wait=wait)
    index_dir, started = place, time.perf_counter()
    with changing_index(index_dir, wait=wait) as (change, index):
        before = state = index.description
        dropped = sum(entry.removed for entry in before.segments)
        settings = {"kind": AUTO, "memory_bytes": None, **before.settings}
        settings["kind"] = kind or settings["kind"]
        settings["memory_bytes"] = memory_bytes or settings["memory_bytes"]
        resolve_kind(settings["kind"], len(index), index.dim)
        segment = index.segments[0] if index.segments else None
        if len(before.segments) > 1 or dropped:
            segment = write_segment(change, tracked_batches(index, "rewriting"), index.dim)
        if segment:
            segment = accelerate(
                change, segment, settings["kind"], memory_bytes=settings["memory_bytes"]
            )
        entries = (segment.entry,) if segment else ()
        if entries != before.segments or (kind or memory_bytes):
            described = before.model_copy(update={"settings": settings})
            state = describe(described, [segment] if segment else [])
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
        tuning=state.tuning,
        seconds=time.perf_counter() - started,
    )
