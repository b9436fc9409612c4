"""The same picture saved again: recompressed, resized, brightened.

Candidates are pairs whose perceptual hashes differ in at most 6 of 64 bits, found by a multi-index
(Norouzi et al. 2012, FAISS), so that nothing is compared pairwise. They are confirmed by the
correlation of their 32×32 thumbnails after the dataset's mean image is taken off: chest films all
look alike, and what they share says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from medx.core.console import track
from medx.core.images import Pixels
from medx.datasets.audit.scan import Scan

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

HASH_BITS = 64
MOST_BITS = 6
BANDS = 4
LEAST_CORRELATION = 0.95

#: A hash that more images share says nothing about them.
MOST_SHARING = 500

#: The mean image of few images is mostly those images: it counts as if this many grey ones more.
MEAN_PRIOR = 50
_BATCH = 4096


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """Pairs of rows of a scan, and how many rows could not be compared.

    Args:
        pairs: ``(first, second, correlation)``, most alike first.
        uncompared: Images whose hash too many others share.
    """

    pairs: tuple[tuple[int, int, float], ...]
    uncompared: int


def find_near_duplicates(scan: Scan) -> NearDuplicates:
    """Return pairs that show the same picture with different pixels."""
    rows = _representatives(scan)
    hashes = perceptual_hashes(scan.thumbnails[rows])
    codes = hashes.view(np.uint64).ravel()
    _, inverse, sharing = np.unique(codes, return_inverse=True, return_counts=True)
    common = sharing[inverse] > MOST_SHARING
    uncompared = int(common.sum())
    rows, hashes = rows[~common], hashes[~common]
    if len(rows) < 2:
        return NearDuplicates(pairs=(), uncompared=uncompared)
    mean = _mean_image(scan.thumbnails[rows])
    found = []
    for first, second in _candidates(hashes):
        a, b = rows[first], rows[second]
        similar = np.einsum(
            "nd,nd->n",
            _residuals(scan.thumbnails[a], mean),
            _residuals(scan.thumbnails[b], mean),
        )
        for i in np.flatnonzero(similar >= LEAST_CORRELATION):
            if scan.contents[a[i]] != scan.contents[b[i]]:
                found.append((int(a[i]), int(b[i]), float(min(similar[i], 1.0))))
    found.sort(key=lambda pair: (-pair[2], pair[0], pair[1]))
    return NearDuplicates(pairs=tuple(found), uncompared=uncompared)


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


def _representatives(scan: Scan) -> Rows:
    """Return one row for each picture and split; a blank one resembles every other."""
    seen: set[tuple[bytes, str | None]] = set()
    rows = []
    for row in np.flatnonzero(~scan.blank):
        key = (scan.contents[row], scan.records[row].split)
        if key not in seen:
            seen.add(key)
            rows.append(row)
    return np.array(rows, np.int64)


def _candidates(hashes: Pixels) -> Iterator[tuple[Rows, Rows]]:
    """Yield batches of pairs ``first < second`` whose hashes differ in ``MOST_BITS`` at most."""
    index = faiss.IndexBinaryMultiHash(HASH_BITS, BANDS, HASH_BITS // BANDS)
    index.nflip = 1  # 4 bands with one flip each find every pair up to 7 bits apart
    index.add(hashes)
    starts = range(0, len(hashes), _BATCH)
    for start in track(starts, "comparing images"):
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


def _mean_image(thumbnails: Pixels) -> Floats:
    total = np.zeros(thumbnails[0].size, np.float64)
    for start in range(0, len(thumbnails), _BATCH):
        total += _normalised(thumbnails[start : start + _BATCH]).sum(0)
    return (total / (len(thumbnails) + MEAN_PRIOR)).astype(np.float32)


def _residuals(thumbnails: Pixels, mean: Floats) -> Floats:
    residuals = _normalised(thumbnails) - mean
    return np.asarray(residuals / np.linalg.norm(residuals, axis=1, keepdims=True))


def _normalised(thumbnails: Pixels) -> Floats:
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return flat
