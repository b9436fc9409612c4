"""Pulmonary vessels: a random branching tree from each hilum, tapering outwards."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from medx.datasets.phantoms.anatomy import Anatomy, FloatArray, Frame, Pose, float32

_LEVELS = 5
_TRUNKS = np.radians(
    [-78.0, -58.0, -35.0, -12.0, 12.0, 32.0, 52.0, 66.0, 80.0]
)  # 0 outwards, 90 to the feet
_RADIUS_CLASSES = ((0.21, 9.0), (0.11, 0.21), (0.0, 0.11))  # cm


def vessel_chord(frame: Frame, anatomy: Anatomy, pose: Pose) -> FloatArray:
    """Return the blood chord of both trees in cm, float32 (H, W), not yet clipped to the lungs.

    Each segment deposits its volume per pixel, so the chord is right at any resolution.
    """
    segments = _both_trees(anatomy.vessel_seed)
    steps = max(4, int(np.ceil(3.2 / frame.pixel)))
    ladder = ((np.arange(steps) + 0.5) / steps)[:, None]
    x = segments[0] + ladder * (segments[2] - segments[0]) + 0.3 * pose.rotation
    y = segments[1] + ladder * (segments[3] - segments[1])
    y = y + pose.inspiration * np.clip((y + 2.0) / 11.0, 0.0, 1.0)
    length = np.hypot(segments[2] - segments[0], segments[3] - segments[1])
    radius = segments[4]
    volume = np.broadcast_to(np.pi * radius**2 * length / steps / frame.pixel**2, x.shape)
    total = np.zeros_like(frame.u)
    for low, high in _RADIUS_CLASSES:
        chosen = (radius >= low) & (radius < high)
        sigma = max((0.05 + 0.6 * float(radius[chosen].mean())) / frame.pixel, 0.42)
        total += gaussian_filter(
            _splat(frame, x[:, chosen], y[:, chosen], volume[:, chosen]), sigma, truncate=3.0
        )
    return total * np.float32(anatomy.vessel_gain)


@lru_cache(maxsize=16)
def _both_trees(seed: int) -> npt.NDArray[np.float64]:
    """Return segments as rows x0, y0, x1, y1, radius in cm, (5, N)."""
    rng = np.random.default_rng(seed)
    right, left = _grow(rng, -3.0, -0.8), _grow(rng, -3.1, -1.9)
    left[[0, 2]] *= -1.0
    return np.concatenate([right, left], axis=1)


def _grow(rng: np.random.Generator, hilum_x: float, hilum_y: float) -> npt.NDArray[np.float64]:
    angle = _TRUNKS + rng.normal(0.0, 0.12, _TRUNKS.size)
    x = np.full(angle.size, hilum_x) + rng.normal(0.0, 0.3, angle.size)
    y = np.full(angle.size, hilum_y) + 1.2 * np.sin(angle)
    radius = 0.30 + 0.07 * np.sin(angle) + rng.normal(0.0, 0.03, angle.size)
    length = 2.5 + 0.5 * np.sin(angle) + rng.normal(0.0, 0.3, angle.size)
    levels = []
    for _ in range(_LEVELS):
        end_x = x - np.cos(angle) * length
        end_y = y + np.sin(angle) * length
        levels.append(np.stack([x, y, end_x, end_y, radius]))
        turn = rng.uniform(0.10, 0.55, (2, angle.size)) * np.array([[1.0], [-1.0]])
        angle = (angle + turn).ravel()
        x, y = np.tile(end_x, 2), np.tile(end_y, 2)
        radius = np.tile(radius, 2) * rng.uniform(0.58, 0.8, angle.size)
        length = np.tile(length, 2) * rng.uniform(0.68, 1.0, angle.size)
    return np.concatenate(levels, axis=1)


def _splat(
    frame: Frame,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
) -> FloatArray:
    rows, columns = frame.pixels_of(float32(x.ravel()), float32(y.ravel()))
    row, column = np.rint(rows).astype(np.int64), np.rint(columns).astype(np.int64)
    inside = (row >= 0) & (row < frame.size) & (column >= 0) & (column < frame.size)
    flat = row[inside] * frame.size + column[inside]
    grid = np.bincount(flat, weights=weight.ravel()[inside], minlength=frame.size**2)
    return grid.reshape(frame.size, frame.size).astype(np.float32)
