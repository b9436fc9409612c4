"""Second copies of an image, as people make them."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image as PILImage

Grey = np.ndarray


def recompressed(image: Grey) -> Grey:
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(PILImage.open(buffer))


def resized(image: Grey) -> Grey:
    side = image.shape[0] * 6 // 10
    return np.asarray(PILImage.fromarray(image).resize((side, side), PILImage.Resampling.BILINEAR))


def brightened(image: Grey) -> Grey:
    return np.clip(image * 0.9 + 15, 0, 255).astype(np.uint8)


def with_gamma(image: Grey) -> Grey:
    return np.rint(255 * (image / 255) ** 0.8).astype(np.uint8)


def shifted(share: float) -> Callable[[Grey], Grey]:
    """Return what moves an image by ``share`` of its side, to the right and up."""
    return lambda image: _affine(image, 1.0, 0.0, -share, share)


def cropped(share: float) -> Callable[[Grey], Grey]:
    """Return what cuts ``share`` of the side off each border and scales back."""
    return lambda image: _affine(image, 1 - 2 * share, 0.0, 0.0, 0.0)


def turned(degrees: float) -> Callable[[Grey], Grey]:
    return lambda image: _affine(image, 1.0, degrees, 0.0, 0.0)


#: What the audit is to find, by name.
COPIES: dict[str, Callable[[Grey], Grey]] = {
    "recompressed": recompressed,
    "resized": resized,
    "brightened": brightened,
    "gamma": with_gamma,
    "shifted by 2 %": shifted(0.02),
    "shifted by 5 %": shifted(0.05),
    "cropped by 3 %": cropped(0.03),
    "turned by 2 degrees": turned(2.0),
}


def _affine(image: Grey, zoom: float, degrees: float, right: float, down: float) -> Grey:
    height, width = image.shape
    edge = height // 4
    padded = PILImage.fromarray(np.pad(image, edge, mode="edge"))
    cos, sin = zoom * np.cos(np.deg2rad(degrees)), zoom * np.sin(np.deg2rad(degrees))
    x, y = width / 2, height / 2
    matrix = (
        cos, sin, x - cos * x - sin * y + right * width + edge,
        -sin, cos, y + sin * x - cos * y + down * height + edge,
    )  # fmt: skip
    affine = PILImage.Transform.AFFINE
    return np.asarray(
        padded.transform((width, height), affine, matrix, PILImage.Resampling.BICUBIC)
    )
