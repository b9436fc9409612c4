"""Numbers in sentences."""

from __future__ import annotations


def many(count: int, one: str, other: str | None = None) -> str:
    """Return ``1 image`` or ``2 images``.

    Args:
        count: How many.
        one: What follows 1.
        other: What follows any other number; ``one`` with an s when None.
    """
    return f"{count} {one if count == 1 else other or f'{one}s'}"


def file_size(count: float) -> str:
    """Return a number of bytes as people say it: ``24.3 kB``, ``6.2 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if round(count, 1) < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
