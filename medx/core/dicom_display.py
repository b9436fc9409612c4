"""Stored DICOM values to what a viewer shows (PS3.3 C.11, PS3.4 N.2).

Every step is worked out on a table over all values the pixels can have, then looked up once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medx.core.dicom_lut import Lut, read_lut, read_palette
from medx.core.pixels import (
    STRETCHED,
    Counts,
    Pixels,
    Values,
    all_values,
    has_table,
    histogram,
    look_up,
    stretch_values,
    to_uint8,
)

if TYPE_CHECKING:
    from pydicom import Dataset


def show_grey(
    stored: npt.NDArray[Any], view: Dataset, *, inverted: bool
) -> tuple[Pixels, list[str], str]:
    """Return grey pixels, the steps that took and the window as ``center/width``.

    Args:
        stored: Stored values ``(H, W)``.
        view: The attributes of the image.
        inverted: True when the smallest value is white (MONOCHROME1).
    """
    steps: list[str] = []
    if has_table(stored.dtype):
        values = all_values(stored.dtype)

        def count() -> Counts | None:
            return _without_padding(histogram(stored), values, view)
    else:
        values = stored

        def count() -> Counts | None:
            return None

    table, window = _display(values, view, steps, count)
    if inverted:
        table = 255 - table
        steps.append("MONOCHROME1 inverted")
    return (look_up(table, stored) if has_table(stored.dtype) else table), steps, window


def show_palette(stored: npt.NDArray[Any], view: Dataset) -> Pixels:
    """Return the RGB pixels of stored palette indices ``(H, W)``."""
    if not has_table(stored.dtype):
        raise ValueError("palette indices have at most 16 bits")
    values = all_values(stored.dtype)
    table = [to_uint8(lut.apply(values) / lut.largest) for lut in read_palette(view)]
    return look_up(np.stack(table, axis=1), stored)


def show_colour(stored: npt.NDArray[Any], view: Dataset) -> Pixels:
    """Return the RGB pixels of stored ones of any depth ``(H, W, 3)``."""
    if stored.dtype == np.uint8:
        return np.ascontiguousarray(stored)
    largest = 2.0 ** int(view.BitsStored) - 1
    if has_table(stored.dtype):
        return look_up(to_uint8(all_values(stored.dtype) / largest), stored)
    shown = np.empty(stored.shape, np.uint8)
    for row, values in enumerate(stored):
        shown[row] = to_uint8(values / largest)
    return shown


def _display(
    values: npt.NDArray[Any], view: Dataset, steps: list[str], count: Callable[[], Counts | None]
) -> tuple[Pixels, str]:
    """Return what each value is shown as, before inversion."""
    mapped = _apply_modality(values, view, steps)
    changed = bool(steps)
    if lut := _voi_lut(view):
        steps.append("VOI LUT")
        return to_uint8(lut.apply(mapped) / lut.largest), ""
    center, width = _number(view, "WindowCenter"), _number(view, "WindowWidth")
    if center is not None and width is not None:
        shown = _apply_window(mapped, center, width, str(view.get("VOILUTFunction") or "LINEAR"))
        if shown is not None:
            steps.append("window")
            return to_uint8(shown), f"{center:g}/{width:g}"
    if "WindowWidth" in view:
        steps.append("unusable window ignored")
    if values.dtype == np.uint8 and not changed:
        return to_uint8(mapped / (2.0 ** int(view.BitsStored) - 1)), ""
    steps.append(STRETCHED)
    return stretch_values(mapped, count()), ""


def _apply_modality(values: npt.NDArray[Any], view: Dataset, steps: list[str]) -> Values:
    lut = _first_lut(view, "ModalityLUTSequence")
    if lut:
        steps.append("modality LUT")
        return lut.apply(values)
    mapped: Values = values.astype(np.float32 if values.dtype == np.float32 else np.float64)
    slope, intercept = _number(view, "RescaleSlope"), _number(view, "RescaleIntercept")
    if slope is None or intercept is None or (slope, intercept) == (1.0, 0.0):
        return mapped
    if slope == 0.0:
        steps.append("unusable rescale ignored")
        return mapped
    steps.append("rescale")
    return np.asarray(mapped * slope + intercept)


def _apply_window(values: Values, center: float, width: float, function: str) -> Values | None:
    """Return values from 0 to 1 by PS3.3 C.11.2.1.2, or None when the window is impossible."""
    if function == "SIGMOID" and width > 0:
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700))))
    if function == "LINEAR_EXACT" and width > 0:
        return np.asarray((values - center) / width + 0.5)
    if width == 1:  # a threshold
        return np.where(values > center - 0.5, 1.0, 0.0)
    if width > 1:
        return np.asarray((values - (center - 0.5)) / (width - 1) + 0.5)
    return None


def _voi_lut(view: Dataset) -> Lut | None:
    return _first_lut(view, "VOILUTSequence")


def _first_lut(view: Dataset, keyword: str) -> Lut | None:
    for item in (view.get(keyword) or [])[:1]:
        return read_lut(item.get("LUTDescriptor"), item.get("LUTData"), view)
    return None


def _without_padding(counts: Counts, values: npt.NDArray[Any], view: Dataset) -> Counts:
    """Return counts without the pixels that only fill the frame (PS3.3 C.7.5.1.1.2)."""
    first = _number(view, "PixelPaddingValue")
    if first is None:
        return counts
    last = _number(view, "PixelPaddingRangeLimit")
    low, high = sorted((first, first if last is None else last))
    kept = np.where((values >= low) & (values <= high), 0, counts)
    return kept if kept.any() else counts


def _number(view: Dataset, keyword: str) -> float | None:
    """Return the first value of an attribute; None when it is absent or no finite number."""
    try:
        value = view.get(keyword)
        first = value if isinstance(value, int | float | str) else value[0]
        number = float(first)
    except Exception:  # empty, or text where a number should be
        return None
    return number if math.isfinite(number) else None
