"""A text file of ids, one a line."""

from __future__ import annotations

from pathlib import Path

from medx.core.errors import InputError


def read_ids(path: Path) -> list[str]:
    """Return the ids of a file; empty lines do not count.

    Raises:
        InputError: When it cannot be read as UTF-8 or holds no id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file", hint="write an id a line, UTF-8") from error
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise InputError(f"{path} holds no id", hint="write an id a line")
    return ids
