"""How well heat-maps point at boxes: pointing game, energy in the box, overlap.

Boxes here are float arrays ``(B, 4)`` of x0, y0, x1, y1 in pixels of a square map, edges not
centres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medx.datasets.manifest import Box

Boxes = npt.NDArray[np.float64]
Map = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

#: 15 pixels of a side of 224 (Zhang et al. 2018).
TOLERANCE = 15 / 224
#: Share of the highest value from which on a pixel counts as marked.
MARKED_FROM = 0.5


def fit_boxes(boxes: Sequence[Box], native_size: tuple[int, int], size: int) -> Boxes:
    """Return boxes of an image of ``native_size`` (height, width) on the square a network sees.

    What lies beyond the image is cut off, and boxes that are wholly beyond it are left out.
    """
    height, width = native_size
    corners = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes], float)
    corners = corners.reshape(-1, 2, 2) * (size / width, size / height)
    corners = np.clip(np.sort(corners, axis=1), 0.0, size)
    inside = (corners[:, 1] > corners[:, 0]).all(axis=1)
    return corners[inside].reshape(-1, 4)


def box_coverage(boxes: Boxes, size: int) -> npt.NDArray[np.float64]:
    """Return which share of each pixel ``(size, size)`` lies in a box.

    >>> box_coverage(np.array([[0.0, 0.0, 1.5, 1.0]]), 2).tolist()
    [[1.0, 0.5], [0.0, 0.0]]
    """
    covered = np.zeros((size, size))
    for x0, y0, x1, y1 in boxes:
        across, down = _overlap(x0, x1, size), _overlap(y0, y1, size)
        covered = np.maximum(covered, down[:, None] * across)
    return covered


def near_boxes(boxes: Boxes, size: int, *, tolerance: float = TOLERANCE) -> Mask:
    """Return the pixels ``(size, size)`` whose middle is in a box or near one.

    Args:
        boxes: On the map.
        size: Side of the map.
        tolerance: How far from a box still counts, as a share of the side.
    """
    middles = np.arange(size) + 0.5
    near = np.zeros((size, size), bool)
    for x0, y0, x1, y1 in boxes:
        across = np.maximum(np.maximum(x0 - middles, middles - x1), 0.0)
        down = np.maximum(np.maximum(y0 - middles, middles - y1), 0.0)
        near |= np.hypot(down[:, None], across) <= tolerance * size
    return near


def pointing_hit(values: Map, near: Mask) -> float:
    """Return 1 where the highest pixel is near a box, else 0; tied pixels count in shares.

    So a flat map scores what chance does.
    """
    return float(near[values == values.max()].mean())


def energy_in_boxes(values: Map, coverage: Map) -> float:
    """Return the share of a map's sum that lies in boxes (Wang et al. 2020); 0 of an empty map."""
    total = float(values.sum())
    return float((values * coverage).sum()) / total if total > 0 else 0.0


def overlap_with_boxes(values: Map, coverage: Map, *, marked_from: float = MARKED_FROM) -> float:
    """Return the intersection over union of boxes and what a map marks; 0 of an empty map."""
    if values.max() <= 0:
        return 0.0
    marked = values >= marked_from * values.max()
    shared = float(coverage[marked].sum())
    return shared / (float(np.count_nonzero(marked)) + float(coverage.sum()) - shared)


def _overlap(start: float, end: float, size: int) -> npt.NDArray[np.float64]:
    edges = np.arange(size)
    return np.asarray(np.clip(np.minimum(edges + 1, end) - np.maximum(edges, start), 0.0, 1.0))
