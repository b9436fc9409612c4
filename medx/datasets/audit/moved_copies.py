"""Copies that were moved, zoomed, cropped or turned a little, among pairs that look alike.

Thumbnails are laid over one another first. The few pairs that then agree are read again, unless
they are hardly larger, and compared at twice the resolution, where films of different people made
to fit no longer do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from medx.core.console import track
from medx.core.images import Image, Pixels, resize, to_grey
from medx.datasets.audit.features import THUMBNAIL
from medx.datasets.audit.registration import align, correlate
from medx.datasets.audit.scan import Scan
from medx.datasets.audit.thumbnail_embedding import Candidates
from medx.datasets.manifest import Record

Floats = npt.NDArray[np.float32]

CLOSE_UP = 64
LEAST_ALIGNED = 0.95
#: Of the thumbnails, for a pair to be worth reading again.
WORTH_READING = 0.93
_PAIRS = 1024
_CLOSE_PAIRS = 128

#: Where a shift, right and down, stands among the numbers of an affine map.
_SHIFT = [0, 3]


def find_moved(
    candidates: Candidates, scan: Scan, mean: Floats, read: Callable[[Record], Image]
) -> Iterator[tuple[int, int, float]]:
    """Yield candidates that show one picture, and how alike they are once aligned.

    Two films of one patient may be as alike as that; what shares a group is passed over.

    Args:
        candidates: Pairs of rows of the scan.
        scan: Features of the images.
        mean: What their thumbnails have in common ``(32, 32)``.
        read: Decodes a record.
    """
    groups = [record.group or row for row, record in enumerate(scan.records)]
    pairs = zip(candidates.first.tolist(), candidates.second.tolist(), strict=True)
    apart = candidates.where(np.array([groups[a] != groups[b] for a, b in pairs], np.bool_))
    similar, moves = _align_thumbnails(apart, scan.thumbnails, mean)
    large = scan.sizes.min(1) >= CLOSE_UP
    readable = large[apart.first] & large[apart.second]
    yield from _alike(apart, np.where(readable, 0.0, similar))
    worth = readable & (similar >= WORTH_READING)
    yield from _look_closer(apart.where(worth), moves[worth], scan.records, mean, read)


def _align_thumbnails(
    candidates: Candidates, thumbnails: Pixels, mean: Floats
) -> tuple[Floats, Floats]:
    """Return how alike the thumbnails of each pair are once aligned, and how they were moved."""
    similar = np.zeros(len(candidates.first), np.float32)
    moves = np.zeros((len(similar), 6), np.float32)
    moves[:, _SHIFT] = candidates.shifts
    for start in track(range(0, len(similar), _PAIRS), "aligning images"):
        part = slice(start, start + _PAIRS)
        moving, fixed = thumbnails[candidates.second[part]], thumbnails[candidates.first[part]]
        aligned = align(moving, fixed, moves[part])
        moves[part] = aligned.moves
        similar[part] = correlate(aligned, mean)
    return similar, moves


def _look_closer(
    candidates: Candidates,
    moves: Floats,
    records: Sequence[Record],
    mean: Floats,
    read: Callable[[Record], Image],
) -> Iterator[tuple[int, int, float]]:
    times = CLOSE_UP // THUMBNAIL
    close_mean = mean.repeat(times, 0).repeat(times, 1)
    for start in track(range(0, len(moves), _CLOSE_PAIRS), "looking closer"):
        pairs = candidates.where(slice(start, start + _CLOSE_PAIRS))
        rows = np.union1d(pairs.first, pairs.second)
        close = np.stack([_close_up(read(records[row])) for row in rows.tolist()])
        moving, fixed = (close[np.searchsorted(rows, r)] for r in (pairs.second, pairs.first))
        aligned = align(moving, fixed, moves[start : start + _CLOSE_PAIRS])
        yield from _alike(pairs, correlate(aligned, close_mean))


def _alike(candidates: Candidates, similar: Floats) -> Iterator[tuple[int, int, float]]:
    for i in np.flatnonzero(similar >= LEAST_ALIGNED):
        yield int(candidates.first[i]), int(candidates.second[i]), float(min(similar[i], 1.0))


def _close_up(image: Image) -> Pixels:
    return resize(to_grey(image.pixels), CLOSE_UP)
