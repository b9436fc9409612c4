"""What an image looks like before any network: a thumbnail, its spread, its detail by scale.

Networks that standardise their input cannot tell a dark image from a bright one, and none was asked
to tell an X-ray from its negative. These numbers can.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medx.core.images import Pixels

Floats = npt.NDArray[np.float64]

THUMBNAIL = 8
BANDS = 5
PART = 512
TINY = 1e-4


def image_statistics(pixels: Pixels) -> Floats:
    """Return one row ``(N, D)`` an image: thumbnail, brightness, contrast and spectrum.

    Args:
        pixels: ``uint8`` ``(N, S, S)`` or ``(N, S, S, 3)``.
    """
    parts = [pixels[i : i + PART] for i in range(0, len(pixels), PART)]
    return np.concatenate([_statistics(np.asarray(part, np.float64) / 255.0) for part in parts])


def _statistics(images: Floats) -> Floats:
    colour = images.ndim == 4
    grey = images.mean(axis=3) if colour else images
    columns = [
        _thumbnails(grey).reshape(len(grey), -1),
        grey.mean(axis=(1, 2))[:, None],
        np.log(grey.std(axis=(1, 2)) + TINY)[:, None],
        _spectrum(grey),
    ]
    if colour:
        # How much of each colour there is beyond grey.
        columns.append((images - grey[..., None]).mean(axis=(1, 2)))
        columns.append(np.log((images - grey[..., None]).std(axis=(1, 2)) + TINY))
    return np.concatenate(columns, axis=1)


def _thumbnails(grey: Floats) -> Floats:
    """Return ``(N, 8, 8)``: the mean of each cell of a grid."""
    edges = np.linspace(0, grey.shape[1], THUMBNAIL + 1).round().astype(int)
    rows = np.add.reduceat(grey, edges[:-1], axis=1)
    cells = np.add.reduceat(rows, edges[:-1], axis=2)
    sides = np.diff(edges)
    return np.asarray(cells / np.outer(sides, sides), np.float64)


def _spectrum(grey: Floats) -> Floats:
    """Return ``(N, 5)``: the log of the power in rings of spatial frequency."""
    side = grey.shape[1]
    # Without a window the jump from one border to the other looks like detail.
    window = np.hanning(side + 2)[1:-1]
    centred = (grey - grey.mean(axis=(1, 2), keepdims=True)) * np.outer(window, window)
    power = np.abs(np.fft.rfft2(centred)) ** 2
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    ring = np.minimum((radius / 0.5 * BANDS).astype(int), BANDS - 1)
    sums = [power[:, ring == band].mean(axis=1) for band in range(BANDS)]
    return np.asarray(np.log(np.stack(sums, axis=1) / side**2 + TINY**2), np.float64)
