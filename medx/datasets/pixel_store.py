"""Decoded pixels on disk: one folder an entry, written once, never changed.

An entry holds ``pixels.npy``, uint8 ``(N, …)``, and ``items.json``: what identifies the image of
each row, a CRC-32 of each row, and which of the records asked for had no readable image.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from medx.core import settings
from medx.core.console import note, warn
from medx.core.images import Pixels
from medx.core.values import Value

PIXELS_FILE, ITEMS_FILE = "pixels.npy", "items.json"
#: Beyond this many, looking for rows to copy takes longer than it saves.
MAX_ENTRIES = 200
#: A temporary folder that nobody wrote to for this long is left over from a crash.
ABANDONED_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One entry, opened.

    Args:
        pixels: Read-only map of the N rows.
        images: What identifies the image of each row.
        skipped: Positions, among the records asked for, that have no row.
    """

    pixels: Pixels
    images: tuple[str, ...]
    skipped: tuple[int, ...]


class CacheInfo(Value):
    """How much the pixel cache holds."""

    schema_version: int = 1
    location: str
    entries: int
    bytes: int
    limit_bytes: int


def store_dir() -> Path:
    """Return the folder of all entries."""
    return settings.cache_dir() / "pixels"


def open_entry(folder: Path, shape: tuple[int, ...]) -> Entry | None:
    """Return an entry, or None when there is none; a damaged one is removed with a warning.

    Every row is compared with its checksum, which takes about as long as reading the file once.
    """
    try:
        items = json.loads((folder / ITEMS_FILE).read_text(encoding="utf-8"))
        pixels = np.asarray(np.load(folder / PIXELS_FILE, mmap_mode="r", allow_pickle=False))
        images, checks = tuple(items["images"]), items["checks"]
        if pixels.dtype != np.uint8 or pixels.shape != (len(images), *shape):
            raise ValueError(f"it holds {pixels.dtype} {pixels.shape}")
        if [zlib.crc32(row) for row in pixels] != checks:
            raise ValueError("a checksum differs")
        entry = Entry(pixels=pixels, images=images, skipped=tuple(items["skipped"]))
    except Exception as error:  # NumPy's header parser raises anything on a damaged one
        if folder.exists():
            warn(f"a damaged pixel cache entry is rebuilt ({folder.name}: {error})")
            remove_entry(folder)
        return None
    with suppress(OSError):  # a cache that may only be read is still a cache
        os.utime(folder / ITEMS_FILE)
    return entry


def write_rows(
    folder: Path, rows: Iterable[tuple[str | None, Pixels | None]], shape: tuple[int, ...]
) -> None:
    """Write the two files of an entry, a row at a time.

    Plain writes, since a full disk is an error to a write but kills the process that maps a file.

    Args:
        folder: An empty folder.
        rows: What identifies each image, and its pixels or None when it has none.
        shape: Shape of one image.
    """
    images, checks, skipped = [], [], []
    with (folder / PIXELS_FILE).open("wb") as stream:
        _write_header(stream, 0, shape)
        for position, (image, pixels) in enumerate(rows):
            if pixels is None:
                skipped.append(position)
                continue
            data = np.ascontiguousarray(pixels).data
            stream.write(data)
            images.append(image)
            checks.append(zlib.crc32(data))
        stream.seek(0)
        _write_header(stream, len(images), shape)
        stream.flush()
        os.fsync(stream.fileno())  # a name must not outlive a power cut that its bytes did not
    items = {"images": images, "checks": checks, "skipped": skipped}
    (folder / ITEMS_FILE).write_text(json.dumps(items), encoding="utf-8")


@contextmanager
def temporary_entry(folder: Path, needed: int) -> Iterator[Path]:
    """Yield a new sibling of ``folder`` that is removed afterwards unless it was published.

    Raises:
        OSError: When it cannot be made, or fewer than ``needed`` bytes are free.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if needed > free:
        reason = f"{needed >> 20} MiB needed, {free >> 20} MiB free"
        raise OSError(errno.ENOSPC, reason, str(folder.parent))
    temporary = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish(temporary: Path, folder: Path) -> None:
    """Give a finished entry its name, unless another process was first."""
    try:
        temporary.rename(folder)
    except OSError:
        if not (folder / ITEMS_FILE).is_file():
            raise


def remove_entry(folder: Path) -> None:
    """Remove an entry; nobody ever sees half of it, and who has it mapped keeps it."""
    retired = folder.with_name(f".{folder.name}.{os.getpid()}.{time.time_ns()}")
    with suppress(OSError):
        folder.rename(retired)
        shutil.rmtree(retired, ignore_errors=True)


def evict(keep: Path) -> None:
    """Remove the entries used longest ago until the limit holds; ``keep`` always stays."""
    limit = settings.cache_limit()
    _remove_abandoned(keep.parent)
    total, count = _size_of(keep), 1
    if total > limit:
        note(
            f"these pixels take {total >> 20} MiB, more than the pixel cache should keep "
            f"({limit >> 20} MiB); set MEDX_CACHE_LIMIT"
        )
    for folder in sorted(_entries(keep.parent), key=_last_use, reverse=True):
        if folder == keep:
            continue
        total, count = total + _size_of(folder), count + 1
        if total > limit or count > MAX_ENTRIES:
            remove_entry(folder)


def describe_cache() -> CacheInfo:
    """Return where the cache is and how much it holds."""
    folders = _entries(store_dir())
    return CacheInfo(
        location=str(store_dir()),
        entries=len(folders),
        bytes=sum(map(_size_of, folders)),
        limit_bytes=settings.cache_limit(),
    )


def clear_cache() -> CacheInfo:
    """Remove every entry; return what there was."""
    before = describe_cache()
    for folder in _entries(store_dir()):
        remove_entry(folder)
    shutil.rmtree(store_dir() / "files", ignore_errors=True)
    return before


def similar_entries(folder: Path) -> list[Path]:
    """Return the entries of the same size and colour as ``folder``, last used first."""
    kind = folder.name.rpartition("-")[0]
    alike = [f for f in _entries(folder.parent) if f.name.rpartition("-")[0] == kind]
    return sorted(alike, key=_last_use, reverse=True)


def images_of(folder: Path) -> list[str]:
    """Return what identifies the images of an entry, without opening its pixels."""
    try:
        return list(json.loads((folder / ITEMS_FILE).read_text(encoding="utf-8"))["images"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _write_header(stream: BinaryIO, count: int, shape: tuple[int, ...]) -> None:
    # NumPy pads for a growing first axis: the header keeps its length.
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    npy.write_array_header_1_0(stream, header)


def _entries(folder: Path) -> list[Path]:
    return [path.parent for path in folder.glob(f"[!.]*/{ITEMS_FILE}")]


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(".*"):
        if path.is_dir() and _last_use(path) < time.time() - ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _last_use(folder: Path) -> float:
    times = [0.0]
    for path in (folder, *folder.glob("*")):
        with suppress(OSError):  # another process may be removing it
            times.append(path.stat().st_mtime)
    return max(times)


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total
