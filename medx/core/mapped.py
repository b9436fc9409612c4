"""Opening a file so that a length it lies about allocates nothing."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class MappedFile(mmap.mmap):
    """A file in memory that, as other files, can be sought beyond its end.

    Reading more than there is from an ordinary file sets memory aside for all of it first.
    """

    def seek(self, offset: int, whence: Any = 0) -> None:
        """Move to ``offset``, or to the end when there is less."""
        try:
            super().seek(offset, whence)
        except ValueError:
            super().seek(0, 2)


@contextmanager
def open_mapped(path: Path) -> Iterator[Any]:
    """Open a file that is not empty for reading."""
    with path.open("rb") as file, MappedFile(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped
