"""Where an index is kept: in a folder of its own, or as a gallery of a Milvus."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TypeAlias

from medx.core.errors import InputError, UnknownNameError
from retrieval.config import BACKENDS
from retrieval.index.description import IndexDescription, load_description
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.locate import DESCRIPTION_FILE, find_index_dir, new_index_dir
from retrieval.milvus.place import MilvusPlace

Place: TypeAlias = Path | MilvusPlace


def new_place(name: str, *, backend: str = "faiss", uri: str | None = None) -> Place:
    """Return where an index called ``name`` goes.

    Args:
        name: Of the index; with ``faiss`` also a folder.
        backend: One of ``BACKENDS``.
        uri: The address of a Milvus; None takes a file beside the other indexes.

    Raises:
        InputError: When the name cannot be one, or ``uri`` is given and the backend takes none.
        UnknownNameError: When there is no such backend.
    """
    check_backend(backend, uri)
    if backend == "faiss":
        return new_index_dir(name)
    if not name.strip():
        raise InputError(f"{name!r} cannot name an index", hint="use letters, digits and dashes")
    from retrieval.milvus.connection import default_uri

    return MilvusPlace(uri or default_uri(), name)


def find_place(name: str, *, backend: str = "faiss", uri: str | None = None) -> Place:
    """Return where an index is.

    Raises:
        UnknownNameError: When no index has that name.
        InputError: When its folder or its Milvus cannot be read.
    """
    check_backend(backend, uri)
    if backend == "faiss":
        return find_index_dir(name)
    place = new_place(name, backend=backend, uri=uri)
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.catalog import catalog_at
        from retrieval.milvus.connection import is_missing

        if is_missing(place.uri):
            raise InputError(f"no Milvus Lite file {place.uri}", hint="is --uri the right one?")
        catalog_at(place.uri).find(name)
    return place


def holds_index(place: Place) -> bool:
    """Return whether there is an index."""
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.catalog import catalog_at

        return catalog_at(place.uri).holds(place.name)
    return (place / DESCRIPTION_FILE).is_file()


def load_index(place: Place) -> GalleryIndex:
    """Open an index.

    Raises:
        UnknownNameError: When a Milvus has none of that name.
        InputError: When a part of it is missing or damaged.
    """
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.store import open_milvus

        return open_milvus(place)
    return GalleryIndex.load(place)


def load_description_at(place: Place) -> IndexDescription:
    """Return what an index says of itself, without opening it.

    Raises:
        UnknownNameError: When a Milvus has none of that name.
        InputError: When it is missing or damaged.
    """
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.catalog import catalog_at

        return catalog_at(place.uri).find(place.name)[1].description
    return load_description(place)


def place_options(place: Place) -> str:
    """Return the options, with a blank before them, that lead a command to a Milvus."""
    if isinstance(place, MilvusPlace):
        return f" --backend milvus --uri {shlex.quote(place.uri)}"
    return ""


def check_gallery(index: str | None, *, backend: str = "faiss", uri: str | None = None) -> None:
    """Raise as ``find_place`` does; no name is right, for that index is built where it lacks."""
    if index is None:
        check_backend(backend, uri)
    else:
        find_place(index, backend=backend, uri=uri)


def check_backend(backend: str, uri: str | None) -> None:
    """Raise ``UnknownNameError`` or ``InputError`` unless the two go together."""
    if backend not in BACKENDS:
        raise UnknownNameError("backend", backend, BACKENDS)
    if uri is not None and backend != "milvus":
        raise InputError("--uri is the address of a Milvus", hint="add --backend milvus")
