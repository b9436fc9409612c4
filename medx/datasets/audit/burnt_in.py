"""Letters burnt into the pixels: side markers, names, dates, scale bars."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageFilter
from scipy import ndimage

from medx.core.images import Pixels

#: On smaller images letters cannot be told from anatomy.
SMALLEST_SIDE = 96

#: Letters are looked for in this outer share of the image, where people put them.
MARGIN = 0.25
BRIGHT = 100
ABOVE_SURROUNDINGS = 50
LOWEST, HIGHEST = 5, 0.12  # height of a letter: pixels, share of the shorter side
WIDEST = 1.6  # times its height
CONTRAST = 90


def count_characters(pixels: Pixels) -> int | None:
    """Return how many white letters stand near the borders; None when the image is too small.

    A letter is a small, bright, evenly lit component on much darker surroundings.

    Args:
        pixels: Grey ``uint8`` ``(H, W)``.
    """
    if min(pixels.shape) < SMALLEST_SIDE:
        return None
    radius = max(4, min(pixels.shape) // 24)
    blurred = np.asarray(PILImage.fromarray(pixels).filter(ImageFilter.BoxBlur(radius)))
    mask = (pixels >= BRIGHT) & (pixels - blurred.astype(np.int16) >= ABOVE_SURROUNDINGS)
    rows, columns = (int(side * MARGIN) for side in pixels.shape)
    mask[rows:-rows, columns:-columns] = False
    if not mask.any():
        return 0
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    found = ndimage.find_objects(labels)
    tallest = HIGHEST * min(pixels.shape)
    return sum(
        _is_letter(pixels, labels, i + 1, box)
        for i, box in enumerate(found)
        if LOWEST <= (height := box[0].stop - box[0].start) <= tallest
        and box[1].stop - box[1].start <= WIDEST * height
    )


def _is_letter(
    pixels: Pixels, labels: npt.NDArray[np.int32], label: int, box: tuple[slice, slice]
) -> bool:
    own = labels[box] == label
    if not 0.15 <= own.mean() <= 0.95:
        return False
    around = tuple(slice(max(0, side.start - 2), side.stop + 2) for side in box)
    ring = labels[around] != label
    ring[2:-2, 2:-2] = False
    if not ring.any():
        return False
    return bool(pixels[box][own].mean() - pixels[around][ring].mean() >= CONTRAST)
