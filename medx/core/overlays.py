"""Heat-maps laid on their images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from PIL import Image as PILImage

from medx.core.images import Pixels, to_rgb

#: Perceptually uniform, and readable without colour vision.
COLOURS = "viridis"
OPACITY = 0.45


def shown_image(pixels: Pixels, *, smallest: int, largest: int) -> PILImage.Image:
    """Return an image in colour at a size that can be looked at; small ones keep their pixels.

    Args:
        pixels: ``uint8`` ``(H, W[, 3])``.
        smallest: Pixels the shorter side gets at least.
        largest: Pixels the longer side gets at most, which outweighs ``smallest``.
    """
    height, width = pixels.shape[:2]
    scale = max(1.0, smallest / min(height, width))
    scale = min(scale, largest / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    nearest, smooth = PILImage.Resampling.NEAREST, PILImage.Resampling.BILINEAR
    return PILImage.fromarray(to_rgb(pixels)).resize(size, nearest if scale > 1 else smooth)


def lay_map(shown: PILImage.Image, values: npt.NDArray[np.floating]) -> PILImage.Image:
    """Return a picture under a half-transparent map of any size, 0 to 1."""
    coloured = colour(spread(values, shown.size))
    return PILImage.blend(
        shown, PILImage.fromarray(np.ascontiguousarray(coloured[..., :3])), OPACITY
    )


def spread(values: npt.NDArray[np.floating], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return a map smoothly brought to ``size`` (width, height), 0 to 1."""
    picture = PILImage.fromarray(np.asarray(values, np.float32))
    resized = np.asarray(picture.resize(size, PILImage.Resampling.BILINEAR), np.float32)
    return np.clip(resized, 0.0, 1.0)


def colour(values: npt.NDArray[np.floating]) -> Pixels:
    """Return ``(H, W)`` values from 0 to 1 as ``uint8`` ``(H, W, 4)``, opaque."""
    return np.array(colormaps[COLOURS](values, bytes=True), np.uint8)
