"""One microscope field as amounts of dye on every pixel; lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from medx.datasets.phantoms.anatomy import FloatArray, float32

EOSIN, AZURE, PURPLE, PIGMENT = range(4)

_FIELD_AREA = 108.0 * 81.0  # µm² seen by the camera through an oil objective


@dataclass(frozen=True, eq=False)
class Window:
    """The part of a canvas around one object.

    Attributes:
        rows: Its rows in the canvas.
        columns: Its columns in the canvas.
        x: µm to the right of the object's centre, (1, w).
        y: µm below the object's centre, (h, 1).
    """

    rows: slice
    columns: slice
    x: FloatArray
    y: FloatArray

    def turned(self, angle: float) -> tuple[FloatArray, FloatArray]:
        """Return (along, across) of axes turned by `angle` radians, each (h, w)."""
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return self.x * cosine + self.y * sine, self.y * cosine - self.x * sine


class Canvas:
    """How much of each dye lies on every pixel of one field.

    Args:
        width: Pixels.
        height: Pixels.
        rng: Source of the grain that nuclei and cytoplasm share.
    """

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.dye: FloatArray = np.zeros((4, height, width), dtype=np.float32)
        self.pixel = float(np.sqrt(_FIELD_AREA / (width * height)))  # µm
        self.width, self.height = width * self.pixel, height * self.pixel  # µm
        noise = rng.standard_normal((160, 160), dtype=np.float32)
        noise = gaussian_filter(noise, 0.28 / self.pixel, mode="wrap", truncate=3.0)
        self._grain = float32(noise / max(float(noise.std()), 1e-6))

    @property
    def edge(self) -> float:
        """Width in µm over which an outline fades, at least a pixel."""
        return max(self.pixel, 0.16)

    def window(self, x: float, y: float, reach: float) -> Window:
        """Return the window of `reach` µm around (x, y) µm, cut at the canvas."""
        rows = _span(y, reach, self.pixel, self.dye.shape[1])
        columns = _span(x, reach, self.pixel, self.dye.shape[2])
        across = (np.arange(columns.start, columns.stop) + 0.5) * self.pixel - x
        down = (np.arange(rows.start, rows.stop) + 0.5) * self.pixel - y
        return Window(rows, columns, float32(across)[None, :], float32(down)[:, None])

    def add(self, window: Window, dye: int, amount: FloatArray) -> None:
        """Lay `amount` of a dye, (h, w), onto a window."""
        self.dye[dye, window.rows, window.columns] += amount

    def fade(self, window: Window, dye: int, share: FloatArray) -> None:
        """Take a share, 0-1, of a dye out of a window."""
        self.dye[dye, window.rows, window.columns] *= 1.0 - share

    def grain(self, window: Window) -> FloatArray:
        """Return smooth noise of unit variance for a window."""
        rows = np.arange(window.rows.start, window.rows.stop) % self._grain.shape[0]
        columns = np.arange(window.columns.start, window.columns.stop) % self._grain.shape[1]
        return self._grain[np.ix_(rows, columns)]

    def tight_box(self, window: Window, mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
        """Return (x, y, width, height) in pixels of what a mask, (h, w), covers.

        Raises:
            ValueError: When it covers nothing.
        """
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not rows.size:
            raise ValueError("an object must cover at least one pixel, got none")
        x, y = window.columns.start + int(columns[0]), window.rows.start + int(rows[0])
        return x, y, int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1


def _span(centre: float, reach: float, pixel: float, size: int) -> slice:
    start = int(np.floor((centre - reach) / pixel))
    stop = int(np.ceil((centre + reach) / pixel)) + 1
    return slice(min(max(start, 0), size), max(min(stop, size), 0))
