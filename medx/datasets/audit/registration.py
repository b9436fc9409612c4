"""Laying one small image over another: how alike are they once shift, zoom and turn are undone?

Gauss–Newton on an affine map, brightness and contrast (Lucas and Kanade 1981), for many pairs at
once; the derivative is that of the fixed image throughout, so it is taken once. Lengths are shares
of an image's side, so that images of any size can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from medx.core.images import Pixels

Floats = npt.NDArray[np.float32]

ITERATIONS = 6
#: At each border, what moving may bring in or push out; it is not compared.
MARGIN = 3 / 32
#: No pixel of a copy moves further than this.
FURTHEST = 3 / 32

#: Smoothing makes derivatives hold over a pixel; what is finer than DETAIL tells films apart.
_SMOOTH = 0.6  # pixels
_DETAIL = 1 / 32
_RIDGE = 1e-3
_AFFINE = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """P pairs of images, each first one warped onto the second, without their margins.

    Args:
        warped: ``(P, S, S)``.
        fixed: ``(P, S, S)``.
        moves: What the first were warped by ``(P, 6)``, in shares of their side.
    """

    warped: Floats
    fixed: Floats
    moves: Floats


def align(moving: Pixels, fixed: Pixels, moves: Floats) -> Aligned:
    """Return each image warped onto another.

    Args:
        moving: ``uint8`` ``(P, N, N)``.
        fixed: ``uint8`` ``(P, N, N)``.
        moves: Where to look first in ``moving``, as shares of the side ``(P, 6)``: to the right,
            that growing to the right and downwards; down, likewise.
    """
    source, target = _smooth(moving), _smooth(fixed)
    size = target.shape[1]
    grid = _Grid(size)
    inner = grid.inner(target)
    basis, scale = _basis(target, inner, grid)
    transposed = basis.transpose(0, 2, 1)
    inverse = np.linalg.inv(transposed @ basis + _RIDGE * np.eye(basis.shape[2], dtype=np.float32))
    moves, furthest = moves * size, FURTHEST * size
    warped = grid.sample(source, moves)
    for _ in range(ITERATIONS):
        fitted = (inverse @ (transposed @ warped[..., None]))[..., 0] / scale
        # What is warped is contrast × (fixed + derivative × what is still to be moved).
        contrast = np.where(np.abs(fitted[:, -1]) < 0.2, 0.2, fitted[:, -1])[:, None]
        step = np.clip(fitted[:, :_AFFINE] / contrast, -furthest / 2, furthest / 2)
        moves = np.clip(moves - step, -furthest, furthest)
        warped = grid.sample(source, moves)
    shape = (len(target), grid.side, grid.side)
    return Aligned(warped=warped.reshape(shape), fixed=inner.reshape(shape), moves=moves / size)


def correlate(aligned: Aligned, mean: Floats) -> Floats:
    """Return how alike aligned images are ``(P,)``, -1 to 1: overall, or in detail if that is less.

    Args:
        aligned: The pairs.
        mean: What the images of the dataset have in common ``(N, N)``; it does not count.
    """
    size = len(mean)
    common = standardise(_Grid(size).inner(mean[None]))[0]
    overall = _dot(_without(aligned.warped, common), _without(aligned.fixed, common))
    blur = _DETAIL * size
    detail = _dot(*(_detail(images, blur) for images in (aligned.warped, aligned.fixed)))
    return np.minimum(overall, detail)


def standardise(images: npt.NDArray[np.generic]) -> Floats:
    """Return images as rows of mean 0 and length 1; what is flat as zeros."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return flat


class _Grid:
    """The pixels that are compared, and where an affine map finds each."""

    def __init__(self, size: int) -> None:
        self._margin = round(MARGIN * size)
        inner = np.arange(self._margin, size - self._margin, dtype=np.float32)
        self.side = len(inner)
        down, right = np.meshgrid(inner, inner, indexing="ij")
        self._y, self._x = down.ravel(), right.ravel()
        middle = (size - 1) / 2
        self.u, self.v = (self._x - middle) / middle, (self._y - middle) / middle

    def inner(self, images: Floats) -> Floats:
        """Return images ``(P, N, N)`` without their margins ``(P, S * S)``."""
        m = self._margin
        return images[:, m:-m, m:-m].reshape(len(images), -1)

    def sample(self, images: Floats, moves: Floats) -> Floats:
        """Return images ``(P, N, N)`` read where their moves ``(P, 6)`` lead, linearly."""
        m = moves[:, :, None]
        size = images.shape[1]
        x = np.clip(self._x + m[:, 0] + m[:, 1] * self.u + m[:, 2] * self.v, 0, size - 1.001)
        y = np.clip(self._y + m[:, 3] + m[:, 4] * self.u + m[:, 5] * self.v, 0, size - 1.001)
        left, top = x.astype(np.int32), y.astype(np.int32)
        right, below = x - left, y - top
        at = top * size + left
        at += np.arange(len(images), dtype=np.int32)[:, None] * size * size
        flat = images.ravel()
        upper = flat[at] * (1 - right) + flat[at + 1] * right
        lower = flat[at + size] * (1 - right) + flat[at + size + 1] * right
        sampled: Floats = upper * (1 - below) + lower * below
        return sampled


def _basis(target: Floats, inner: Floats, grid: _Grid) -> tuple[Floats, Floats]:
    """Return what moves, brightness and contrast change ``(P, M, 8)``, and its lengths ``(P, 8)``.

    The columns have length 1; the last is the image itself.
    """
    down, right = np.gradient(target, axis=(1, 2))
    dy, dx = grid.inner(np.asarray(down)), grid.inner(np.asarray(right))
    rest = inner - inner.mean(1, keepdims=True)
    columns = [dx, dx * grid.u, dx * grid.v, dy, dy * grid.u, dy * grid.v]
    basis = np.stack([*columns, np.ones_like(rest), rest], axis=2)
    scale = np.maximum(np.linalg.norm(basis, axis=1), 1e-6)
    return basis / scale[:, None], scale


def _smooth(images: Pixels) -> Floats:
    smooth: Floats = gaussian_filter(
        images.astype(np.float32), _SMOOTH, axes=(1, 2), mode="nearest"
    )
    return smooth


def _detail(images: Floats, blur: float) -> Floats:
    return standardise(images - gaussian_filter(images, blur, axes=(1, 2), mode="nearest"))


def _without(images: Floats, common: Floats) -> Floats:
    flat = standardise(images)
    return standardise(flat - (flat @ common)[:, None] * common)


def _dot(first: Floats, second: Floats) -> Floats:
    return np.asarray(np.einsum("pm,pm->p", first, second), np.float32)
