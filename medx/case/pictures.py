"""The pictures of a case as PNG: the image, its heat-map alone or on it, and the neighbours."""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage

from medx.core.images import Pixels
from medx.core.overlays import colour, spread
from medx.core.pictures import encode
from medx.core.values import HeatMap

#: Longest sides in pixels on a page; the bundle's own pictures keep every pixel.
LARGEST, LARGEST_NEIGHBOUR, LARGEST_MAP = 2048, 768, 512


def png(pixels: Pixels, *, largest: int | None = None) -> bytes:
    """Return pixels ``(H, W)``, ``(H, W, 3)`` or ``(H, W, 4)`` as PNG.

    Args:
        pixels: ``uint8``.
        largest: Longest side; larger pictures are made smaller.
    """
    picture = PILImage.fromarray(pixels)
    if largest is not None:
        picture.thumbnail((largest, largest), PILImage.Resampling.LANCZOS)
    return encode(picture)


def map_layer(heatmap: HeatMap, shape: tuple[int, int]) -> Pixels:
    """Return a heat-map as a layer to lay on the image: colours, clear where there is no evidence.

    Args:
        heatmap: What to draw.
        shape: Height and width of the image; the layer has their proportions.
    """
    scale = min(1.0, LARGEST_MAP / max(shape))
    height, width = (max(1, round(side * scale)) for side in shape)
    share = spread(heatmap.values, (width, height))
    layer = colour(share)
    layer[..., 3] = np.rint(255 * share)
    return layer


def overlay(pixels: Pixels, heatmap: HeatMap) -> Pixels:
    """Return the image under its heat-map, in colour."""
    height, width = pixels.shape[:2]
    shown = PILImage.fromarray(pixels).convert("RGBA")
    layer = PILImage.fromarray(map_layer(heatmap, (height, width)))
    layer = layer.resize((width, height), PILImage.Resampling.BILINEAR)
    return np.asarray(PILImage.alpha_composite(shown, layer).convert("RGB"))
