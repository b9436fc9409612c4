"""Pixels ready to show, and how values of any depth become them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]

STRETCHED = "0.5-99.5 percentiles"

# Tables are applied a block at a time: indices need 8 bytes a pixel.
_BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels ready to show, with what was done to get them.

    Args:
        pixels: ``uint8`` array ``(H, W)`` or ``(H, W, 3)``, 0 black to 255 white.
        spacing: Row and column spacing in mm, or None when the file does not say.
        facts: Format, bit depth and the steps applied; never an identifying tag.
    """

    pixels: Pixels
    spacing: tuple[float, float] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def native_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def resized(self, size: int) -> Pixels:
        """Return the pixels at ``(size, size)``, antialiased, whole image kept."""
        from medx.core.images import resize

        return resize(self.pixels, size)


def image_from_array(pixels: npt.NDArray[Any], *, facts: Mapping[str, str] | None = None) -> Image:
    """Return an ``Image`` of an array ``(H, W)`` or ``(H, W, 3)`` of any numeric dtype.

    Values other than ``uint8`` are stretched between their 0.5 and 99.5 percentiles.

    Raises:
        InputError: When the shape or dtype cannot be an image.
    """
    good_shape = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not good_shape or pixels.dtype.kind not in "buif" or pixels.size == 0:
        raise InputError(f"not an image: array of shape {pixels.shape} and dtype {pixels.dtype}")
    applied = dict(facts or {})
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.dtype != np.uint8:
        pixels = stretch(pixels)
        applied["applied"] = ", ".join(filter(None, [applied.get("applied"), STRETCHED]))
    return Image(pixels=np.ascontiguousarray(pixels), facts=applied)


def has_table(dtype: np.dtype[Any]) -> bool:
    """Return whether values of a dtype are few enough for a table over all of them."""
    return dtype.kind in "bui" and dtype.itemsize <= 2


def all_values(dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return every value of an integer dtype of 8 or 16 bits, in the order of its bit pattern."""
    return (
        np.arange(1 << (8 * dtype.itemsize)).astype(f"u{dtype.itemsize}").view(f"={dtype.str[1:]}")
    )


def look_up(table: Pixels, stored: npt.NDArray[Any]) -> Pixels:
    """Return what a table over ``all_values`` ``(V,)`` or ``(V, 3)`` says of each stored value."""
    indices = _bit_patterns(stored)
    shown = np.empty((indices.size, *table.shape[1:]), np.uint8)
    for start in range(0, indices.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        np.take(table, indices[block], axis=0, out=shown[block], mode="clip")
    return shown.reshape(*stored.shape, *table.shape[1:])


def histogram(stored: npt.NDArray[Any]) -> Counts:
    """Return how often each of ``all_values`` occurs."""
    indices = _bit_patterns(stored)
    counts = np.zeros(1 << (8 * stored.dtype.itemsize), np.int64)
    for start in range(0, indices.size, _BLOCK):
        counts += np.bincount(indices[start : start + _BLOCK], minlength=len(counts))
    return counts


def stretch(values: npt.NDArray[Any]) -> Pixels:
    """Return values of any dtype between their 0.5 and 99.5 percentiles as 0 to 255."""
    if has_table(values.dtype):
        domain = all_values(values.dtype).astype(np.float64)
        return look_up(stretch_values(domain, histogram(values)), values)
    precise = values.itemsize > 4 or values.dtype.kind in "ui"
    return stretch_values(values.astype(np.float64 if precise else np.float32, copy=False))


def stretch_values(values: Values, counts: Counts | None = None) -> Pixels:
    """Return values between their 0.5 and 99.5 percentiles as 0 to 255.

    Args:
        values: Any shape; what is not finite counts for nothing and becomes black.
        counts: How often each value occurs; None when each is there once.
    """
    if counts is None:
        present = values[np.isfinite(values)]
        low, high = 0.0, 0.0
        if present.size:
            low, high = np.percentile(present, [0.5, 99.5], overwrite_input=True)
    else:
        present = values[(counts > 0) & np.isfinite(values)]
        low, high = _weighted_percentiles(values, counts) if present.size else (0.0, 0.0)
    if high <= low and present.size:
        low, high = float(present.min()), float(present.max())
    if not high > low:  # a constant image has no contrast to stretch
        return np.zeros(values.shape, np.uint8)
    # Halved, a range wider than the largest number does not overflow.
    span = high / 2 - low / 2
    return to_uint8((np.nan_to_num(values, nan=low) / 2 - low / 2) / span)


def to_uint8(fractions: Values) -> Pixels:
    """Return values from 0 to 1 as 0 to 255; what lies beyond is clipped."""
    return np.asarray(np.rint(np.clip(fractions, 0.0, 1.0) * 255.0), np.uint8)


def _bit_patterns(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    native = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))
    return native.view(f"u{stored.dtype.itemsize}").reshape(-1)


def _weighted_percentiles(values: Values, counts: Counts) -> tuple[float, float]:
    """Return the percentiles ``np.percentile`` finds in ``values`` repeated ``counts`` times."""
    kept = (counts > 0) & np.isfinite(values)
    order = np.argsort(values[kept], kind="stable")
    ordered, ends = values[kept][order], np.cumsum(counts[kept][order])
    found = []
    for share in (0.005, 0.995):
        position = share * (ends[-1] - 1)
        rank = int(position)
        below, above = ordered[np.searchsorted(ends, [rank, min(rank + 1, ends[-1] - 1)], "right")]
        found.append(float(below + (above - below) * (position - rank)))
    return found[0], found[1]
