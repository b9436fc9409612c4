"""Writing so that a reader never sees half a file or half a folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def make_dir(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises:
        NotADirectoryError: When a file stands where a folder has to be; it names the file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        _refuse_file(next((p for p in (folder, *folder.parents) if p.is_file()), folder), error)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` that replaces it when the block succeeds.

    An ``OSError`` names ``path``, never the sibling.
    """
    make_dir(path.parent)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent
        )
    except OSError as error:
        raise _about(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        with _named_as(path, temporary):
            yield temporary
            # mkstemp makes the file private; a result should be as readable as any other.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_dir(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling folder that takes the place of ``path`` on success.

    An ``OSError`` names ``path``, never the sibling.

    Raises:
        NotADirectoryError: When ``path`` is a file.
    """
    make_dir(path.parent)
    if path.is_file():
        _refuse_file(path)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _about(path, error) from error
    try:
        with _named_as(path, temporary):
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            retired = temporary.with_name(temporary.name + ".old")
            if path.exists():
                path.rename(retired)
            temporary.rename(path)
            shutil.rmtree(retired, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def safe_name(name: str) -> str:
    """Return ``name`` as a file name: letters, digits, ``-``, ``_`` and ``.`` kept.

    Never empty, never with a dot or dash at an end.
    """
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    return kept.strip(".-") or "images"


def sha256_file(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Let the error of a full disk, which names no file, be about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        raise _about(path, error) from error


@contextmanager
def _named_as(path: Path, temporary: Path) -> Iterator[None]:
    """Let an error about ``temporary``, or what is in it, be about ``path``."""
    try:
        with naming_full_disk(path):
            yield
    except OSError as error:
        named = Path(error.filename if isinstance(error.filename, str) else "").absolute()
        if not named.is_relative_to(temporary.absolute()):
            raise
        raise _about(path / named.relative_to(temporary.absolute()), error) from error


def _about(path: Path, error: OSError) -> OSError:
    return OSError(error.errno, error.strerror, str(path))


def _refuse_file(path: Path, cause: OSError | None = None) -> NoReturn:
    raise NotADirectoryError(errno.ENOTDIR, "is a file, not a folder", str(path)) from cause


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
