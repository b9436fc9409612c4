"""Checking that the files of an index are whole and belong together."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from medx.core.console import progress_bar
from medx.core.errors import InputError
from medx.core.files import sha256_file
from retrieval.index.commit import unnamed_files
from retrieval.index.description import FileEntry, IndexDescription, load_description, total_bytes
from retrieval.index.gallery_index import GalleryIndex
from retrieval.milvus.place import MilvusPlace
from retrieval.place import Place
from retrieval.store.results import Problem, VerifyResult
from retrieval.store.tracked import tracked_batches

#: How far from 1 the length of a stored vector may be.
LENGTH_TOLERANCE = 1e-3
#: How often to look again when the index changes meanwhile.
ATTEMPTS = 5


def verify_index(place: Place) -> VerifyResult:
    """Read every file of an index, compare it with its checksum, and check what it holds.

    Of a gallery in a Milvus, whose files are the server's, the rows are counted instead.

    Raises:
        InputError: When there is no index or its ``index.json`` cannot be read.
    """
    if isinstance(place, MilvusPlace):
        from retrieval.milvus.upkeep import verify_gallery

        return verify_gallery(place)
    index_dir, started = place, time.perf_counter()
    about = load_description(index_dir)
    for _ in range(ATTEMPTS):
        problems = _check(index_dir, about)
        before, about = about, load_description(index_dir)
        if about == before or not problems:
            break
    return VerifyResult(
        index=before.name,
        index_dir=str(index_dir),
        ok=not problems,
        count=before.count,
        files=len(before.files),
        megabytes=total_bytes(before.segments) / 1e6,
        problems=tuple(problems),
        unnamed=tuple(sorted(path.name for path in unnamed_files(index_dir, about))),
        seconds=time.perf_counter() - started,
    )


def free_index(place: Place) -> None:
    """Let others change a gallery of a Milvus that a process died changing.

    Raises:
        InputError: When the index is a folder, whose lock ends with its process.
    """
    if not isinstance(place, MilvusPlace):
        raise InputError("the lock of a folder ends with its process", hint="leave it out")
    from retrieval.milvus.upkeep import break_gallery_lock

    break_gallery_lock(place)


def _check(index_dir: Path, about: IndexDescription) -> list[Problem]:
    entries = [entry for segment in about.segments for entry in segment.files]
    problems = []
    with progress_bar(f"verifying {about.name}", len(entries)) as progress:
        for entry in entries:
            what = _check_file(index_dir / entry.name, entry)
            problems += [Problem(file=entry.name, what=what)] if what else []
            progress.advance(progress.task_ids[0])
    return problems or _check_content(index_dir, about)


def _check_file(path: Path, entry: FileEntry) -> str | None:
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            return f"has {size} bytes, not {entry.bytes}"
        return None if sha256_file(path) == entry.sha256 else "its content is not what was written"
    except OSError as error:
        return error.strerror or str(error)


def _check_content(index_dir: Path, about: IndexDescription) -> list[Problem]:
    try:
        index = GalleryIndex.load(index_dir)
    except InputError as error:
        return [Problem(file="index.json", what=str(error))]
    return check_index(index, about)


def check_index(index: GalleryIndex, about: IndexDescription) -> list[Problem]:
    """Return what is wrong with an open index, compared with what it says of itself."""
    problems: list[Problem] = []
    try:
        index.items.check_unique()
    except ValueError as error:
        problems.append(Problem(file="index.json", what=str(error)))
    if index.items.splits != about.splits:
        what = f"splits are {index.items.splits}, not {about.splits}"
        problems.append(Problem(file="index.json", what=what))
    strange = set(index.items.column("dataset")) - {o.name for o in about.origins} - {None}
    if strange:
        what = (
            f"items of datasets it does not name: {', '.join(map(str, sorted(strange, key=str)))}"
        )
        problems.append(Problem(file="index.json", what=what))
    return problems + _check_vectors(index)


def _check_vectors(index: GalleryIndex) -> list[Problem]:
    for items, embeddings in tracked_batches(index, "checking"):
        lengths = np.linalg.norm(embeddings, axis=1)
        # A vector without any direction stays zero; NaN is neither.
        good = (np.abs(lengths - 1) < LENGTH_TOLERANCE) | (lengths == 0)
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            what = f"vector of {items.item(row).id!r} has length {lengths[row]:.3f}, not 1"
            return [Problem(file=index.name, what=what)]
    return []
