"""One pass over a dataset: every image is decoded once and only its features are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.console import track
from medx.core.errors import MedxError
from medx.core.images import Pixels
from medx.datasets.audit.features import (
    HISTOGRAM_BINS,
    THUMBNAIL,
    ImageFeatures,
    measure_image,
)
from medx.datasets.manifest import Dataset, Record

Bools = npt.NDArray[np.bool_]

#: A frame counts from this share of the side on, a letter's worth of characters from one.
THINNEST_FRAME = 0.01
FRAME_SIDES = 2
BLANK_CONTRAST = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """Features of the N images that could be read, in record order.

    Args:
        records: The N records.
        contents: Pixel hashes, N of them.
        sizes: Height and width ``(N, 2)``.
        kinds: Format, bit depth and colour, N of them.
        thumbnails: ``uint8`` ``(N, 32, 32)``.
        histograms: Shares ``(N, 64)``, ``float16``.
        borders: Depths of frames ``(N, 4)`` as shares: top, bottom, left, right.
        characters: Letters found ``(N,)``; -1 where the image is too small to tell.
        unreadable: ``(id, reason)`` of each image that could not be read.
    """

    records: tuple[Record, ...]
    contents: tuple[bytes, ...]
    sizes: npt.NDArray[np.int32]
    kinds: tuple[str, ...]
    thumbnails: Pixels
    histograms: npt.NDArray[np.float16]
    borders: npt.NDArray[np.float16]
    characters: npt.NDArray[np.int16]
    unreadable: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def framed(self) -> Bools:
        """Which images have a black or white frame on two sides or more ``(N,)``."""
        framed: Bools = (self.borders >= THINNEST_FRAME).sum(1) >= FRAME_SIDES
        return framed & ~self.blank

    @property
    def lettered(self) -> Bools:
        """Which images seem to have letters burnt in ``(N,)``."""
        return np.asarray(self.characters > 0)

    @property
    def blank(self) -> Bools:
        """Which images show next to nothing ``(N,)``."""
        flat = self.thumbnails.reshape(len(self), -1)
        return np.asarray(flat.max(1, initial=0) - flat.min(1, initial=255) < BLANK_CONTRAST)


def scan_dataset(dataset: Dataset) -> Scan:
    """Decode every image once and return what an audit needs of it."""
    features = _Columns(len(dataset))
    unreadable = []
    for record in track(dataset.records, "reading images"):
        try:
            measured = measure_image(dataset.read(record))
        except MedxError as error:
            unreadable.append((record.id, _without_root(str(error), dataset)))
            continue
        features.add(record, measured)
    return features.finish(unreadable)


class _Columns:
    """Feature arrays that fill up row by row."""

    def __init__(self, count: int) -> None:
        self.records: list[Record] = []
        self.contents: list[bytes] = []
        self.kinds: list[str] = []
        self.sizes = np.zeros((count, 2), np.int32)
        self.thumbnails = np.zeros((count, THUMBNAIL, THUMBNAIL), np.uint8)
        self.histograms = np.zeros((count, HISTOGRAM_BINS), np.float16)
        self.borders = np.zeros((count, 4), np.float16)
        self.characters = np.zeros(count, np.int16)
        self._names: dict[str, str] = {}

    def add(self, record: Record, features: ImageFeatures) -> None:
        row = len(self.records)
        self.records.append(record)
        self.contents.append(features.content)
        self.kinds.append(self._names.setdefault(features.kind, features.kind))
        self.sizes[row] = features.size
        self.thumbnails[row] = features.thumbnail
        self.histograms[row] = features.histogram
        self.borders[row] = features.borders
        self.characters[row] = -1 if features.characters is None else features.characters

    def finish(self, unreadable: Sequence[tuple[str, str]]) -> Scan:
        count = len(self.records)
        return Scan(
            records=tuple(self.records),
            contents=tuple(self.contents),
            sizes=self.sizes[:count],
            kinds=tuple(self.kinds),
            thumbnails=self.thumbnails[:count],
            histograms=self.histograms[:count],
            borders=self.borders[:count],
            characters=self.characters[:count],
            unreadable=tuple(unreadable),
        )


def _without_root(reason: str, dataset: Dataset) -> str:
    """Return ``reason`` with paths as the manifest has them: a page must not name a machine."""
    return reason.replace(f"{dataset.root}/", "") if dataset.root else reason
