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
