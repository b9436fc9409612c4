"""Vectors of thumbnails in which a picture moved a little stays near itself.

A thumbnail is blurred, its middle is taken, and what images of the dataset have in common is taken
off and made equally loud (whitened principal components), so that cosines speak of what tells two
images apart. The blur bridges shifts of about 2 %; larger ones are found by searching for each
image shifted, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import faiss
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, shift

from medx.core.console import track
from medx.core.images import Pixels

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

DIM = 64
NEIGHBOURS = 3
LEAST_COSINE = 0.5

#: Shares of the side, right and down; the other image of a pair looks for the opposite ones.
_STEP = 1.4 / 32
SHIFTS = ((0.0, 0.0), (_STEP, 0.0), (0.0, _STEP), (_STEP, _STEP), (_STEP, -_STEP))

#: Few images say little of what images have in common: as if there were this many grey ones more.
_PRIOR = 50
_BLUR, _MARGIN = 1.0, 2
_FITTED = 20_000
_FLAT_UP_TO = 20_000
_BATCH = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """P pairs that may show one picture.

    Args:
        first: Rows ``(P,)``.
        second: Rows ``(P,)``, each other than the first.
        shifts: By how much the first, moved, resembles the second: shares of the side
            ``(P, 2)``, right and down.
    """

    first: Rows
    second: Rows
    shifts: Floats

    def where(self, kept: npt.NDArray[np.bool_] | slice) -> Candidates:
        """Return the pairs that a mask ``(P,)`` or a slice names."""
        return Candidates(
            first=self.first[kept], second=self.second[kept], shifts=self.shifts[kept]
        )

    def of_rows(self, rows: Rows) -> Candidates:
        """Return the pairs with row ``i`` named ``rows[i]`` instead."""
        return replace(self, first=rows[self.first], second=rows[self.second])


class ThumbnailEmbedding:
    """Whitened principal components of a dataset's thumbnails.

    Args:
        thumbnails: ``uint8`` ``(N, 32, 32)``; of many, some are looked at.
    """

    def __init__(self, thumbnails: Pixels) -> None:
        step = -(-len(thumbnails) // _FITTED)
        flat = _flatten(thumbnails[::step])
        self._mean = flat.sum(0) / (len(flat) + _PRIOR)
        centred = flat - self._mean
        variances, axes = np.linalg.eigh(centred.T @ centred / len(flat))
        variances, axes = variances[::-1][:DIM], axes[:, ::-1][:, :DIM]
        # What hardly varies is noise, and is not made as loud as the rest.
        self._axes = axes / np.sqrt(np.maximum(variances, 1e-4 * variances[0]) + 1e-12)

    def embed(self, thumbnails: Pixels | Floats) -> Floats:
        """Return unit vectors ``(N, 64)``."""
        vectors = (_flatten(thumbnails) - self._mean) @ self._axes
        return np.asarray(_unit(vectors), np.float32)


def find_neighbours(thumbnails: Pixels, *, mirrored: bool = False) -> Candidates:
    """Return the nearest few images of every image, as it is and shifted, or of its mirror image.

    Args:
        thumbnails: ``uint8`` ``(N, 32, 32)``, two at least.
        mirrored: Look for the mirror image alone, as it is.
    """
    embedding = ThumbnailEmbedding(thumbnails)
    starts = range(0, len(thumbnails), _BATCH)
    vectors = np.concatenate([embedding.embed(thumbnails[s : s + _BATCH]) for s in starts])
    index = _build_index(vectors)
    found = []
    for start in track(starts, "comparing embeddings"):
        batch = thumbnails[start : start + _BATCH].astype(np.float32)
        if mirrored:
            batch = batch[:, :, ::-1]
        for number, (right, down) in enumerate(SHIFTS[:1] if mirrored else SHIFTS):
            by = (0.0, down * batch.shape[1], right * batch.shape[2])
            moved = shift(batch, by, order=1, mode="nearest")
            found.append(_search(index, embedding.embed(moved), start, number))
    return _best_of_each_pair(np.concatenate(found))


def _build_index(vectors: Floats) -> faiss.Index:
    """Return an index of inner products; of many vectors, one whose search is sublinear."""
    flat = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors) <= _FLAT_UP_TO:
        flat.add(vectors)
        return flat
    cells = round(4 * len(vectors) ** 0.5)
    index = faiss.IndexIVFFlat(flat, vectors.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.nprobe = 16
    index.train(vectors[:: max(1, len(vectors) // (40 * cells))])
    index.add(vectors)
    return index


_FOUND = np.dtype([("first", "i8"), ("second", "i8"), ("cosine", "f4"), ("shift", "i1")])


def _search(index: faiss.Index, queries: Floats, start: int, number: int) -> npt.NDArray[np.void]:
    """Return the neighbours of rows ``start`` and on, moved by shift ``number``."""
    cosines, rows = index.search(queries, min(NEIGHBOURS + 1, index.ntotal))  # one is itself
    own = start + np.arange(len(queries))[:, None]
    kept = (rows != own) & (rows >= 0) & (cosines >= LEAST_COSINE)
    found = np.empty(int(kept.sum()), _FOUND)
    found["first"] = np.broadcast_to(own, rows.shape)[kept]
    found["second"] = rows[kept]
    found["cosine"] = cosines[kept]
    found["shift"] = number
    return found


def _best_of_each_pair(found: npt.NDArray[np.void]) -> Candidates:
    """Return each pair once, from the side and with the shift of its largest cosine."""
    low = np.minimum(found["first"], found["second"])
    high = np.maximum(found["first"], found["second"])
    order = np.lexsort((-found["cosine"], high, low))
    low, high = low[order], high[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    best = found[order[fresh]]
    shifts = np.array(SHIFTS, np.float32)[best["shift"]]
    return Candidates(first=best["first"], second=best["second"], shifts=shifts)


def _flatten(thumbnails: Pixels | Floats) -> Floats:
    """Return blurred middles ``(N, 784)`` of mean 0 and length 1."""
    blurred = gaussian_filter(thumbnails.astype(np.float32), _BLUR, axes=(1, 2), mode="nearest")
    middle = blurred[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN].reshape(len(thumbnails), -1)
    return _unit(middle - middle.mean(1, keepdims=True))


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit
