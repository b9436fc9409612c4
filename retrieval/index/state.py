"""What an index says of itself once it holds certain segments."""

from __future__ import annotations

from collections.abc import Sequence

from medx.core.runs import now
from retrieval.index.description import IndexDescription
from retrieval.index.items import Items
from retrieval.index.segment import Segment


def describe(description: IndexDescription, segments: Sequence[Segment]) -> IndexDescription:
    """Return what an index says of itself once it holds ``segments``, all of them on disk.

    Raises:
        ValueError: When two of its rows have one id.
    """
    items = Items.concat([segment.items for segment in segments])
    items.check_unique()
    return description.model_copy(
        update={
            "generation": description.generation + 1,
            "count": len(items),
            "splits": items.splits,
            "kind": max(segments, key=len).kind if segments else "flat",
            "segments": tuple(segment.entry for segment in segments),
            "changed": now(),
        }
    )
