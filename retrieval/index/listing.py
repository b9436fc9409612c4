"""Which encoders can be used here and which indexes are built."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from medx.core import settings
from medx.core.errors import InputError, MedxError
from medx.core.values import Value
from retrieval.encoders.listing import EncoderInfo, list_encoders
from retrieval.index.description import load_description
from retrieval.index.kinds import Kind
from retrieval.index.locate import known_indexes


class IndexEntry(Value):
    """One index folder; ``problem`` says why it cannot be used."""

    name: str
    encoder: str | None = None
    dataset: str | None = None
    synthetic: bool | None = None
    count: int | None = None
    splits: dict[str, int] | None = None
    kind: Kind | None = None
    segments: int | None = None
    removed: int | None = Field(default=None, description="Removed images that are still stored.")
    megabytes: float
    problem: str | None = None


class RetrievalListing(Value):
    """What ``medx retrieve list`` shows."""

    schema_version: int = 1
    encoders: tuple[EncoderInfo, ...]
    index_dir: str
    indexes: tuple[IndexEntry, ...]


def list_retrieval() -> RetrievalListing:
    """Return the encoders and the indexes of the index directory, damaged ones marked.

    Raises:
        InputError: When the index directory is none.
    """
    folder = settings.index_dir()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder", hint="set MEDX_INDEX_DIR to one")
    indexes = [_describe(folder / name) for name in known_indexes()]
    return RetrievalListing(
        encoders=list_encoders().encoders, index_dir=str(folder), indexes=tuple(indexes)
    )


def _describe(index_dir: Path) -> IndexEntry:
    size = sum(path.stat().st_size for path in index_dir.iterdir() if path.is_file()) / 1e6
    try:
        about = load_description(index_dir)
    except (MedxError, OSError) as error:
        problem = f"{error.strerror}" if isinstance(error, OSError) else str(error)
        return IndexEntry(name=index_dir.name, megabytes=size, problem=problem)
    return IndexEntry(
        name=index_dir.name,
        encoder=str(about.encoder),
        dataset=about.datasets,
        synthetic=about.synthetic,
        count=about.count,
        splits=about.splits,
        kind=about.kind,
        segments=len(about.segments),
        removed=sum(segment.removed for segment in about.segments),
        megabytes=size,
    )
