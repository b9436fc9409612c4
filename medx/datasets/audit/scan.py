"""One pass over a dataset: every image is decoded once and only its features are kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from medx.core.children import choose_workers, run_in_children
from medx.core.console import track
from medx.core.errors import MedxError
from medx.core.images import Image, Pixels
from medx.core.quiet import quiet
from medx.datasets.audit.features import (
    HISTOGRAM_BINS,
    THUMBNAIL,
    ImageFeatures,
    measure_image,
)
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import FileReader

Bools = npt.NDArray[np.bool_]

#: A frame counts from this share of the side on, a letter's worth of characters from one.
THINNEST_FRAME = 0.01
FRAME_SIDES = 2
BLANK_CONTRAST = 4

#: Pixels that take the time of opening one file; below so many in all, processes do not pay.
IMAGE_COST = 40_000
WORTH_CHILDREN = 600_000_000


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
        flat = self.thumbnails.reshape(len(self), THUMBNAIL**2)
        return np.asarray(flat.max(1, initial=0) - flat.min(1, initial=255) < BLANK_CONTRAST)


def scan_dataset(dataset: Dataset) -> Scan:
    """Decode every image once, in several processes when that pays, and keep its features."""
    features = _Columns(len(dataset))
    unreadable = []
    measured = run_in_children(
        _measure,
        (dataset.records, dataset.reader),
        count=len(dataset),
        pixels=THUMBNAIL**2,
        workers=_choose_workers(dataset),
    )
    # Silencing the decoders once costs less than for each image.
    with quiet(), closing(cast("Generator[ImageFeatures | str]", measured)):
        found = track(measured, "reading images", total=len(dataset))
        for record, result in zip(dataset.records, found, strict=True):
            if isinstance(result, str):
                unreadable.append((record.id, _without_root(result, dataset)))
            else:
                features.add(record, result)
    return features.finish(unreadable)


def _measure(
    task: tuple[tuple[Record, ...], Callable[[Record], Image]], index: int
) -> ImageFeatures | str:
    """Return the features of one image, or why it has none."""
    records, read = task
    try:
        return measure_image(read(records[index]))
    except MedxError as error:
        return str(error)


def _choose_workers(dataset: Dataset) -> int:
    """Return how many processes pay; one for rows of an npz, which each would hold whole."""
    if not isinstance(dataset.reader, FileReader) or ".npz#" in dataset.records[0].path:
        return 1
    try:
        height, width = dataset.read(dataset.records[0]).native_size
    except MedxError:
        height = width = 0
    work = len(dataset) * (height * width + IMAGE_COST)
    if work < WORTH_CHILDREN:
        return 1
    return choose_workers(work, each=max(1, height * width))


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
