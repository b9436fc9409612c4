"""DCT hashes of thumbnails, and which of them differ in a few bits only."""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from medx.core.console import track
from medx.core.images import Pixels

Rows = npt.NDArray[np.int64]

HASH_BITS = 64
MOST_BITS = 6
BANDS = 4
_BATCH = 4096


def perceptual_hashes(thumbnails: Pixels) -> Pixels:
    """Return DCT hashes ``(N, 8)``: which of the 64 lowest frequencies exceed their median.

    Args:
        thumbnails: ``uint8`` ``(N, 32, 32)``.
    """
    hashes = np.empty((len(thumbnails), HASH_BITS // 8), np.uint8)
    # Bits of one band should not be neighbours: those go together, and bands would be crowded.
    order = np.arange(HASH_BITS).reshape(-1, BANDS).T.ravel()
    for start in range(0, len(thumbnails), _BATCH):
        batch = thumbnails[start : start + _BATCH].astype(np.float32)
        low = dctn(batch, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(len(batch), -1)
        median = np.median(low[:, 1:], axis=1, keepdims=True)  # the first is the mean grey
        hashes[start : start + _BATCH] = np.packbits((low > median)[:, order], axis=1)
    return hashes


def find_alike(hashes: Pixels) -> Iterator[tuple[Rows, Rows]]:
    """Yield batches of pairs ``first < second`` whose hashes differ in ``MOST_BITS`` at most.

    A multi-index (Norouzi et al. 2012, FAISS) finds them without comparing everything pairwise.
    """
    index = faiss.IndexBinaryMultiHash(HASH_BITS, BANDS, HASH_BITS // BANDS)
    index.nflip = 1  # 4 bands with one flip each find every pair up to 7 bits apart
    index.add(hashes)
    for start in track(range(0, len(hashes), _BATCH), "comparing hashes"):
        queries = hashes[start : start + _BATCH]
        limits, _, found = index.range_search(queries, MOST_BITS + 1)
        matches = limits[1:].astype(np.int64) - limits[:-1].astype(np.int64)
        first = start + np.repeat(np.arange(len(queries)), matches)
        second = found.astype(np.int64)
        later = first < second
        pairs = np.unique(np.stack([first[later], second[later]], 1), axis=0)
        for chunk in range(0, len(pairs), _BATCH):
            part = pairs[chunk : chunk + _BATCH]
            yield part[:, 0], part[:, 1]
