"""The same picture saved again: recompressed, resized, brightened, moved, turned or mirrored.

Two searches propose pairs, and neither compares everything with everything: perceptual hashes that
differ in a few bits, and the nearest embeddings. A pair is confirmed by the correlation of its
32×32 thumbnails after the dataset's mean image is taken off, since chest films all look alike and
what they share says nothing; or by laying one over the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from medx.core.images import Image, Pixels
from medx.datasets.audit.moved_copies import find_moved
from medx.datasets.audit.perceptual_hash import find_alike, perceptual_hashes
from medx.datasets.audit.registration import standardise
from medx.datasets.audit.scan import Scan
from medx.datasets.audit.thumbnail_embedding import find_neighbours
from medx.datasets.manifest import Record

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

LEAST_CORRELATION = 0.955

#: A hash that more images share says nothing about them.
MOST_SHARING = 500

#: The mean image of few images is mostly those images: it counts as if this many grey ones more.
MEAN_PRIOR = 50
_BATCH = 4096


class Pair(NamedTuple):
    """Two rows of a scan that show one picture.

    Args:
        first: The earlier row.
        second: The later row.
        correlation: Of the thumbnails, 0 to 1.
        moved: Whether one had to be laid over the other.
        mirrored: Whether one is the mirror image of the other.
    """

    first: int
    second: int
    correlation: float
    moved: bool
    mirrored: bool = False


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """Pairs of rows of a scan, and how many rows could not be compared.

    Args:
        pairs: Most alike first.
        uncompared: Images whose hash too many others share.
    """

    pairs: tuple[Pair, ...]
    uncompared: int


def find_near_duplicates(scan: Scan, read: Callable[[Record], Image]) -> NearDuplicates:
    """Return pairs that show the same picture with different pixels.

    Args:
        scan: Features of the images.
        read: Decodes a record; for the few that seem to be moved copies.
    """
    rows = _representatives(scan)
    hashes = perceptual_hashes(scan.thumbnails[rows])
    codes = hashes.view(np.uint64).ravel()
    _, inverse, sharing = np.unique(codes, return_inverse=True, return_counts=True)
    common = sharing[inverse] > MOST_SHARING
    uncompared = int(common.sum())
    rows, hashes = rows[~common], hashes[~common]
    if len(rows) < 2:
        return NearDuplicates(pairs=(), uncompared=uncompared)
    found: dict[tuple[int, int], Pair] = {}
    for pair in _find_pairs(scan, rows, hashes, read):
        if scan.contents[pair.first] != scan.contents[pair.second]:
            found.setdefault(pair[:2], pair)
    pairs = sorted(found.values(), key=lambda pair: (-pair.correlation, pair.first, pair.second))
    return NearDuplicates(pairs=tuple(pairs), uncompared=uncompared)


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


def _find_pairs(
    scan: Scan, rows: Rows, hashes: Pixels, read: Callable[[Record], Image]
) -> Iterator[Pair]:
    """Yield pairs of ``rows``: those alike as they lie, once aligned, then once mirrored."""
    thumbnails = scan.thumbnails[rows]
    mean = _mean_image(thumbnails)
    for first, second in find_alike(hashes):
        yield from _alike_in_place(scan, rows[first], rows[second], mean)
    candidates = find_neighbours(thumbnails).of_rows(rows)
    for start in range(0, len(candidates.first), _BATCH):
        part = candidates.where(slice(start, start + _BATCH))
        yield from _alike_in_place(scan, part.first, part.second, mean)
    for pair in find_moved(candidates, scan, mean.reshape(thumbnails[0].shape), read):
        yield _pair(*pair, moved=True)
    flipped = find_neighbours(thumbnails, mirrored=True).of_rows(rows)
    for start in range(0, len(flipped.first), _BATCH):
        part = flipped.where(slice(start, start + _BATCH))
        for found in _alike_in_place(scan, part.first, part.second, mean, mirrored=True):
            yield found._replace(mirrored=True)


def _alike_in_place(
    scan: Scan, first: Rows, second: Rows, mean: Floats, *, mirrored: bool = False
) -> Iterator[Pair]:
    """Yield pairs whose thumbnails correlate, less what images have in common."""
    seen = scan.thumbnails[first]
    a = _residuals(seen[:, :, ::-1] if mirrored else seen, mean)
    similar = np.einsum("nd,nd->n", a, _residuals(scan.thumbnails[second], mean))
    for i in np.flatnonzero(similar >= LEAST_CORRELATION):
        yield _pair(int(first[i]), int(second[i]), float(min(similar[i], 1.0)), moved=False)


def _pair(a: int, b: int, correlation: float, *, moved: bool) -> Pair:
    return Pair(min(a, b), max(a, b), correlation, moved)


def _mean_image(thumbnails: Pixels) -> Floats:
    total = np.zeros(thumbnails[0].size, np.float64)
    for start in range(0, len(thumbnails), _BATCH):
        total += standardise(thumbnails[start : start + _BATCH]).sum(0)
    return (total / (len(thumbnails) + MEAN_PRIOR)).astype(np.float32)


def _residuals(thumbnails: Pixels, mean: Floats) -> Floats:
    residuals = standardise(thumbnails) - mean
    return np.asarray(residuals / np.linalg.norm(residuals, axis=1, keepdims=True))
