"""Where a crop lies: its box and a margin, inside the image."""

from __future__ import annotations

from medx.datasets.manifest import Box


def crop_window(
    box: Box, size: tuple[int, int], *, margin: float
) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of a crop inside the image, or None when nothing is in it.

    The part of the box that lies in the image is always inside; the margin stops at the border.

    Args:
        box: In pixels of the image.
        size: Width and height of the image.
        margin: Share of the box's width and height, added on each side.
    """
    inside = clip((box.x, box.y, box.x + box.width, box.y + box.height), size)
    if inside is None:
        return None
    across, down = round(box.width * margin), round(box.height * margin)
    left, top, right, bottom = inside
    return clip((left - across, top - down, right + across, bottom + down), size)


def clip(
    corners: tuple[int, int, int, int], size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Return the part of a window that lies in an image, or None when there is none."""
    left, top, right, bottom = corners
    width, height = size
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    return (left, top, right, bottom) if left < right and top < bottom else None
