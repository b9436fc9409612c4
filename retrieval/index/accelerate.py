"""Giving a segment the accelerator of a kind."""

from __future__ import annotations

import uuid
from typing import Any

from medx.core.console import note, warn
from retrieval.index.accelerator_build import build_accelerator
from retrieval.index.commit import Change
from retrieval.index.kinds import AUTO, resolve_kind
from retrieval.index.segment import Segment
from retrieval.index.tuning import TARGET_RECALL


def accelerate(
    change: Change, segment: Segment, kind: str, *, memory_bytes: int | None = None
) -> Segment:
    """Return a segment that is on disk and without removed rows as one of a kind, on disk too.

    The recall that was measured is told, with a warning when it falls short.

    Args:
        change: Under whose lock.
        segment: What to accelerate.
        kind: One of ``KINDS`` or ``auto``.
        memory_bytes: What ``auto`` may hold in memory; None is half of the machine's.

    Raises:
        UnknownNameError: When there is no such kind.
        InputError: When the segment has too few rows for it.
    """
    entry = segment.entry
    if entry is None or len(segment.removed):
        raise ValueError("segment must be on disk and without removed rows")
    resolved, reason = resolve_kind(kind, len(segment), segment.dim, memory_bytes=memory_bytes)
    if resolved == segment.kind:
        return segment
    if kind == AUTO:
        note(f"kind {resolved} ({reason})")
    changes: dict[str, Any] = {"kind": resolved, "accelerator": None, "tuning": None}
    accelerator = build_accelerator(resolved, segment.vectors)
    if accelerator:
        name = f"{entry.name}.{resolved}-{uuid.uuid4().hex[:12]}.faiss"
        changes["accelerator"] = change.write(name, accelerator.save)
        changes["tuning"] = tuning = accelerator.tuned
        note(str(tuning))
        if not tuning.reached:
            warn(
                f"recall@10 {tuning.recall.estimate:.3f} is below {TARGET_RECALL}: these "
                "embeddings suit another kind better; flat misses nothing"
            )
    return Segment.open(change.index_dir, entry.model_copy(update=changes))
