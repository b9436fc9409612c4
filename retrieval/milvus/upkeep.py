"""What a gallery in Milvus holds, whether that is whole, and writing it anew."""

from __future__ import annotations

import time
from collections.abc import Iterator

from medx.core.console import progress_bar
from medx.core.errors import InputError
from retrieval.encoders.base import Embeddings
from retrieval.index.items import Items
from retrieval.index.kinds import AUTO
from retrieval.index.listing import IndexEntry, entry_of
from retrieval.milvus.catalog import State, catalog_at
from retrieval.milvus.collection import Collection
from retrieval.milvus.connection import is_missing
from retrieval.milvus.gallery import MilvusGallery
from retrieval.milvus.lock import break_lock, changing_gallery
from retrieval.milvus.numbering import Numbering
from retrieval.milvus.place import MilvusPlace
from retrieval.milvus.rows import PLACE
from retrieval.milvus.store import open_milvus, replace_gallery, view
from retrieval.store.results import CompactResult, IndexInfo, Problem, VerifyResult
from retrieval.store.verify import check_index


def describe_gallery(place: MilvusPlace) -> IndexInfo:
    """Return what a gallery holds and how it is kept.

    Raises:
        UnknownNameError: When there is none of that name.
    """
    _, state = catalog_at(place.uri).find(place.name)
    about = state.description
    return IndexInfo(
        index=about.name,
        index_dir=str(place),
        kind=about.kind,
        tuning=about.tuning,
        encoder=about.encoder,
        encoder_weights=about.encoder_weights,
        count=about.count,
        splits=about.splits,
        columns=state.columns,
        origins=about.origins,
        synthetic=about.synthetic,
        generation=about.generation,
        created=about.created,
        changed=about.changed,
        segments=(),
        removed=0 if state.purged else _removed(state),
        megabytes=_megabytes(about.count, about.encoder.dim),
    )


def list_galleries(uri: str) -> list[IndexEntry]:
    """Return the galleries of a Milvus, damaged ones marked.

    Raises:
        InputError: When no Milvus answers there.
    """
    if is_missing(uri):
        return []
    return sorted((_entry(*known) for known in catalog_at(uri).states()), key=lambda e: e.name)


def _entry(alias: str, state: State | InputError) -> IndexEntry:
    if isinstance(state, InputError):
        return IndexEntry(name=alias, megabytes=0.0, problem=str(state))
    about = state.description
    removed = 0 if state.purged else _removed(state)
    return entry_of(about, _megabytes(about.count, about.encoder.dim), removed=removed)


def verify_gallery(place: MilvusPlace) -> VerifyResult:
    """Count the rows of a gallery on the server, and check what it holds.

    Raises:
        UnknownNameError: When there is none of that name.
    """
    started = time.perf_counter()
    collection, state = catalog_at(place.uri).find(place.name)
    gallery = view(collection, state)
    problems = _check_rows(collection, state) or check_index(gallery, state.description)
    return VerifyResult(
        index=place.name,
        index_dir=str(place),
        ok=not problems,
        count=len(gallery),
        files=0,
        megabytes=_megabytes(len(gallery), gallery.dim),
        problems=tuple(problems),
        unnamed=tuple(_unnamed(collection, state)),
        seconds=time.perf_counter() - started,
    )


def compact_gallery(
    place: MilvusPlace,
    *,
    kind: str | None = None,
    memory_bytes: int | None = None,
    wait: bool = True,
) -> CompactResult:
    """Write a gallery anew, with a newly built index of a kind and without what left it.

    Raises:
        UnknownNameError: When there is no gallery of that name, or no such kind.
        InputError: When there are too few images for the kind, or somebody else changes the gallery
            and ``wait`` is False.
    """
    started = time.perf_counter()
    catalog = catalog_at(place.uri)
    catalog.find(place.name)
    with changing_gallery(catalog, place.name, wait=wait):
        _, before = catalog.find(place.name)
        gallery = open_milvus(place)
        settings = {"kind": AUTO, "memory_bytes": None, **before.description.settings}
        settings["kind"] = kind or settings["kind"]
        settings["memory_bytes"] = memory_bytes or settings["memory_bytes"]
        state = replace_gallery(
            catalog,
            place.name,
            _tracked(gallery),
            gallery.description.model_copy(update={"settings": settings}),
            settings["kind"],
            memory_bytes=settings["memory_bytes"],
        )
    about = state.description
    return CompactResult(
        index=place.name,
        index_dir=str(place),
        count=about.count,
        segments_before=1,
        segments=1,
        dropped=_removed(before),
        megabytes_before=_megabytes(before.end, about.encoder.dim),
        megabytes=_megabytes(about.count, about.encoder.dim),
        kind=about.kind,
        tuning=about.tuning,
        seconds=time.perf_counter() - started,
    )


def break_gallery_lock(place: MilvusPlace) -> None:
    """Take the right to change a gallery from a process that no longer runs elsewhere."""
    break_lock(catalog_at(place.uri), place.name)


def _check_rows(collection: Collection, state: State) -> list[Problem]:
    expected = len(Numbering.up_to(state.end, state.gaps))
    if state.description.count != expected:
        what = f"its description counts {state.description.count} images, its places {expected}"
        return [Problem(file=collection.name, what=what)]
    found = collection.count(f"{PLACE} < {state.end}")
    surplus = 0 if state.purged else _removed(state)
    if not expected <= found <= expected + surplus:
        what = f"the server holds {found} images, not {expected}"
        return [Problem(file=collection.name, what=what)]
    return []


def _unnamed(collection: Collection, state: State) -> Iterator[str]:
    if beyond := collection.count(f"{PLACE} >= {state.end}"):
        yield f"{beyond} rows that were added and never counted"
    if not state.purged:
        yield "rows that were removed"


def _removed(state: State) -> int:
    return sum(end - begin for begin, end in state.gaps)


def _megabytes(count: int, dim: int) -> float:
    return count * dim * 4 / 1e6


def _tracked(gallery: MilvusGallery) -> Iterator[tuple[Items, Embeddings]]:
    with progress_bar(f"rewriting {gallery.name}", len(gallery)) as progress:
        for items, embeddings in gallery.batches():
            yield items, embeddings
            progress.advance(progress.task_ids[0], len(items))
