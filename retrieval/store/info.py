"""What an index holds and how it is kept, read without opening its vectors."""

from __future__ import annotations

import shlex
from pathlib import Path

import pyarrow.parquet as pq

from medx.core.errors import InputError
from retrieval.index.description import IndexDescription, load_description, total_bytes
from retrieval.milvus.place import MilvusPlace
from retrieval.place import Place
from retrieval.store.results import IndexInfo, SegmentInfo

#: From here on a search is noticeably slower, or a file noticeably larger, than it has to be.
MANY_SEGMENTS = 8
LARGE_REMOVED_SHARE = 0.2


def describe_index(place: Place) -> IndexInfo:
    """Return what an index holds and how it is kept.

    Raises:
        InputError: When there is no index or it is damaged.
    """
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.upkeep import describe_gallery

        return describe_gallery(place)
    index_dir, about = place, load_description(place)
    return IndexInfo(
        index=about.name,
        index_dir=str(index_dir),
        kind=about.kind,
        tuning=about.tuning,
        encoder=about.encoder,
        encoder_weights=about.encoder_weights,
        count=about.count,
        splits=about.splits,
        columns=_columns(index_dir, about),
        origins=about.origins,
        synthetic=about.synthetic,
        generation=about.generation,
        created=about.created,
        changed=about.changed,
        segments=tuple(
            SegmentInfo(
                name=segment.name,
                images=segment.stored - segment.removed,
                removed=segment.removed,
                kind=segment.kind,
                megabytes=total_bytes([segment]) / 1e6,
            )
            for segment in about.segments
        ),
        removed=sum(segment.removed for segment in about.segments),
        megabytes=total_bytes(about.segments) / 1e6,
        advice=_advice(index_dir, about),
    )


def _columns(index_dir: Path, about: IndexDescription) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for segment in about.segments:
        path = index_dir / segment.items.name
        try:
            names.update(dict.fromkeys(pq.read_schema(path).names))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} is missing or damaged", hint=f"medx retrieve verify {about.name}"
            ) from error
    return tuple(names)


def _advice(index_dir: Path, about: IndexDescription) -> str | None:
    removed = sum(segment.removed for segment in about.segments)
    stored = sum(segment.stored for segment in about.segments)
    many_segments = len(about.segments) > MANY_SEGMENTS
    if many_segments or removed > LARGE_REMOVED_SHARE * stored:
        why = f"{len(about.segments)} segments" if many_segments else f"{removed} removed images"
        return f"it holds {why}: medx retrieve compact {shlex.quote(str(index_dir))}"
    return None
