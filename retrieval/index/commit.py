"""How an index changes on disk, so that a crash leaves the old state or the new one.

``index.json`` names every file that counts. A change, alone under the lock,

1. writes its files under names that were never used before, and flushes them to the disk;
2. replaces ``index.json`` in one rename;
3. removes files that are no longer named.

Before the rename the old state is whole, for no file it names is touched; after it the new one is,
for its files were flushed first. What a crash leaves unnamed the next change removes. The lock is
the operating system's and ends with its process. Readers take none: files they have opened stay
readable when they are removed, and a reader that comes between 2 and 3 reads ``index.json`` again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medx.core.console import note
from medx.core.errors import InputError
from medx.core.files import atomic_path, make_dir, naming_full_disk, sha256_file
from retrieval.index.description import FileEntry, IndexDescription, load_description
from retrieval.index.interrupted import telling_state
from retrieval.index.locate import DESCRIPTION_FILE

LOCK_FILE = "index.lock"

#: Files that only an index has: of segments, of an ``index.json`` in the making, of earlier medx.
_OURS = re.compile(r"segment-[0-9a-f]{12}\..+|\.index\.json\..+|index\.faiss|items\.parquet")


class Change:
    """The right to change one index folder; ``changing`` gives it."""

    def __init__(self, index_dir: Path) -> None:
        self.index_dir = index_dir
        self._written: list[Path] = []

    def write(self, name: str, write: Callable[[Path], None]) -> FileEntry:
        """Let ``write`` make a new file of the folder and flush it to the disk."""
        path = self.index_dir / name
        self._written.append(path)
        with naming_full_disk(path):
            write(path)
            _flush(path)
        return FileEntry(name=name, bytes=path.stat().st_size, sha256=sha256_file(path))

    def publish(self, description: IndexDescription) -> None:
        """Make ``description`` the state of the index and remove the files it does not name."""
        _flush(self.index_dir)
        path = self.index_dir / DESCRIPTION_FILE
        with atomic_path(path) as temporary:
            text = description.model_dump_json(indent=2) + "\n"
            temporary.write_text(text, encoding="utf-8")
            _flush(temporary)
        _flush(self.index_dir)
        _sweep(self.index_dir, description)

    def clean(self) -> None:
        """Remove what does not count: files that the index does not name, or came for none."""
        _sweep_unnamed(self.index_dir)
        if not (self.index_dir / DESCRIPTION_FILE).exists():
            for path in self._written:
                path.unlink(missing_ok=True)


@contextmanager
def changing(index_dir: Path, *, wait: bool = True) -> Iterator[Change]:
    """Hold the lock of an index folder, which is made when it is not there.

    Args:
        index_dir: The folder.
        wait: Wait, with a note, while another process changes the index.

    Raises:
        InputError: When another process changes it and ``wait`` is False.
    """
    from filelock import FileLock, Timeout

    make_dir(index_dir)
    lock = FileLock(index_dir / LOCK_FILE, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if not wait:
            raise InputError(
                f"index {index_dir.name} is being changed by another process",
                hint="try again when that has ended, or leave --no-wait out",
            ) from error
        note(f"another process is changing index {index_dir.name}: waiting until it has ended")
        lock.acquire()
    change = Change(index_dir)
    try:
        change.clean()
        with telling_state(index_dir.name, lambda: _read_state(index_dir)):
            yield change
    finally:
        change.clean()
        lock.release()


def is_index_file(name: str) -> bool:
    """Return whether only an index has a file of that name."""
    return name in (DESCRIPTION_FILE, LOCK_FILE) or _OURS.fullmatch(name) is not None


def check_replaceable(index_dir: Path) -> None:
    """Raise ``InputError`` when ``index_dir`` is there and holds anything but an index."""
    if index_dir.is_file():
        raise InputError(f"{index_dir} is a file", hint="name a folder that is not there yet")
    strange = [p.name for p in index_dir.glob("*") if not is_index_file(p.name)]
    if strange:
        raise InputError(
            f"{index_dir} holds other files ({strange[0]}), it would be replaced as a whole",
            hint="name a folder that is empty or not there yet",
        )


def unnamed_files(index_dir: Path, description: IndexDescription) -> list[Path]:
    """Return the files of an index that its state does not name: left by a crash, or on their way.

    While another process changes the index they are its own.
    """
    return [
        path
        for path in index_dir.iterdir()
        if _OURS.fullmatch(path.name) and path.name not in description.files
    ]


def _read_state(index_dir: Path) -> bytes | None:
    with suppress(OSError):
        return (index_dir / DESCRIPTION_FILE).read_bytes()
    return None


def _sweep_unnamed(index_dir: Path) -> None:
    # Without a state that can be read nobody knows what counts.
    with suppress(InputError):
        _sweep(index_dir, load_description(index_dir))


def _sweep(index_dir: Path, description: IndexDescription) -> None:
    for path in unnamed_files(index_dir, description):
        with suppress(OSError):  # Windows keeps a file that a reader has open: next time
            path.unlink()


def _flush(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
