"""Random textures of diseased lung, airspace clouds and interstitial nets, alike at every size."""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from medx.datasets.phantoms.anatomy import FloatArray, Frame, float32

_LATTICE = 176  # nodes along each side of the net


def draw_cloud(
    frame: Frame, x: float, y: float, radius: float, rng: np.random.Generator
) -> FloatArray:
    """Return a fluffy mask, 0-1, of about `radius` cm around (x, y): blobs, softly cut off."""
    blobs = 30
    scale = np.where(np.arange(blobs) < 10, 0.42, 0.2)
    reach = np.where(np.arange(blobs) < 10, 0.42, 0.75)
    centres = rng.normal(0.0, 1.0, (2, blobs)) * reach * radius
    width = (scale * radius * rng.uniform(0.7, 1.3, (2, blobs))).astype(np.float32)
    weight = rng.uniform(0.35, 0.8, blobs).astype(np.float32)
    row = int(np.argmin(np.abs(frame.y[:, 0] - y)))
    across = (frame.x[row][:, None] - (x + centres[0]).astype(np.float32)) / width[0]
    down = (frame.y - (y + centres[1]).astype(np.float32)) / width[1]
    across, down = np.exp(-0.5 * across * across) * weight, np.exp(-0.5 * down * down)
    density = np.einsum("hk,wk->hw", down, across)
    return float32(1.0 - np.exp(-np.maximum(density - np.float32(0.28), 0.0) * np.float32(1.3)))


def draw_net(size: int, field: float, rng: np.random.Generator) -> FloatArray:
    """Return a reticular pattern, 0-1, float32 (size, size), the same net at every size.

    Lines are the zero crossings of smoothed noise, at a mesh of about 0.5 and 1 cm over `field` cm.
    """
    pitch = field / _LATTICE
    net = np.zeros((_LATTICE, _LATTICE), dtype=np.float32)
    for mesh, gain in ((0.24, 0.6), (0.42, 0.7)):
        noise = gaussian_filter(
            rng.standard_normal(net.shape, dtype=np.float32), mesh / pitch, truncate=3.0
        )
        noise /= noise.std()
        net += np.float32(gain) * np.exp(-((noise * np.float32(3.2)) ** 2))
    if size < _LATTICE:
        net = gaussian_filter(net, 0.35 * _LATTICE / size, truncate=3.0)
    at = (np.arange(size, dtype=np.float32) + 0.5) * (_LATTICE / size) - 0.5
    grid = np.broadcast_arrays(at[:, None], at[None, :])
    return np.asarray(map_coordinates(net, grid, order=1, mode="nearest"), dtype=np.float32)
