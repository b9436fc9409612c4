"""Which encoders can be used here and which indexes are built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from medx.core import settings
from medx.core.errors import InputError, MedxError
from medx.core.values import Value
from retrieval.encoders.listing import EncoderInfo, list_encoders
from retrieval.index.description import IndexDescription, load_description
from retrieval.index.kinds import Kind
from retrieval.index.locate import known_indexes
from retrieval.milvus.connection import default_uri
from retrieval.place import check_backend


class IndexEntry(Value):
    """One index; ``problem`` says why it cannot be used."""

    name: str
    encoder: str | None = None
    dataset: str | None = None
    synthetic: bool | None = None
    count: int | None = None
    splits: dict[str, int] | None = None
    kind: Kind | None = None
    segments: int | None = None
    removed: int | None = Field(default=None, description="Removed images that are still stored.")
    megabytes: float = Field(description="Of its files; in a Milvus, of the vectors alone.")
    problem: str | None = None


class RetrievalListing(Value):
    """What ``medx retrieve list`` shows."""

    schema_version: int = 1
    encoders: tuple[EncoderInfo, ...]
    index_dir: str
    indexes: tuple[IndexEntry, ...]


def list_retrieval(*, backend: str = "faiss", uri: str | None = None) -> RetrievalListing:
    """Return the encoders and the indexes of the index directory or a Milvus, damaged ones marked.

    Raises:
        InputError: When the index directory is none, or no Milvus answers at ``uri``.
        UnknownNameError: When there is no such backend.
    """
    check_backend(backend, uri)
    if backend == "milvus":
        from retrieval.milvus.upkeep import list_galleries

        where = uri or default_uri()
        return _listing(f"{where} (Milvus)", list_galleries(where))
    folder = settings.index_dir()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder", hint="set MEDX_INDEX_DIR to one")
    return _listing(str(folder), [_describe(folder / name) for name in known_indexes()])


def _listing(where: str, indexes: Sequence[IndexEntry]) -> RetrievalListing:
    return RetrievalListing(
        encoders=list_encoders().encoders, index_dir=where, indexes=tuple(indexes)
    )


def _describe(index_dir: Path) -> IndexEntry:
    size = sum(path.stat().st_size for path in index_dir.iterdir() if path.is_file()) / 1e6
    try:
        about = load_description(index_dir)
    except (MedxError, OSError) as error:
        problem = f"{error.strerror}" if isinstance(error, OSError) else str(error)
        return IndexEntry(name=index_dir.name, megabytes=size, problem=problem)
    removed = sum(segment.removed for segment in about.segments)
    return entry_of(about, size, removed=removed)


def entry_of(about: IndexDescription, megabytes: float, *, removed: int) -> IndexEntry:
    """Return the entry of an index that can be used."""
    return IndexEntry(
        name=about.name,
        encoder=str(about.encoder),
        dataset=about.datasets,
        synthetic=about.synthetic,
        count=about.count,
        splits=about.splits,
        kind=about.kind,
        segments=len(about.segments),
        removed=removed,
        megabytes=megabytes,
    )
