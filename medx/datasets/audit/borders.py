"""Black and white frames around an image: collimation, padding, a scanner's bed."""

from __future__ import annotations

import numpy as np

from medx.core.images import Pixels

#: Lines from the edge inwards are looked at up to this share of the side.
DEEPEST = 0.25
DARKEST, BRIGHTEST = 24, 231
TOLERANCE = 4
FLAT_SHARE = 0.95


def measure_borders(pixels: Pixels) -> tuple[float, float, float, float]:
    """Return how deep a flat black or white frame reaches from the top, bottom, left and right.

    A line belongs to the frame when 95 % of it (a marker may stand on it) is within 4 grey levels
    of the outermost line, and that is black or white.

    Args:
        pixels: Grey ``uint8`` ``(H, W)``.

    Returns:
        Shares of the height or width, 0 to 0.25.
    """
    sides = (pixels, pixels[::-1], pixels.T, pixels.T[::-1])
    top, bottom, left, right = (_depth(side) for side in sides)
    return top, bottom, left, right


def _depth(pixels: Pixels) -> float:
    height, width = pixels.shape
    level = int(np.sort(pixels[0])[width // 2])  # np.median takes ten times as long
    if DARKEST < level < BRIGHTEST:
        return 0.0
    outer = pixels[: max(1, int(height * DEEPEST))]
    low, high = max(level - TOLERANCE, 0), min(level + TOLERANCE, 255)
    near = (outer >= low) & (outer <= high)
    flat = np.count_nonzero(near, axis=1) >= FLAT_SHARE * width
    depth = len(flat) if flat.all() else int(np.argmin(flat))
    return float(depth / height)
