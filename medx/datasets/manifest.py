"""A dataset is a named manifest plus how to read its pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from medx.core.errors import InputError, UnknownNameError, UnknownSplitError
from medx.core.images import Image, Pixels

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Box:
    """An axis-aligned box in pixels of the native image; ``x, y`` is the top-left corner."""

    label: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a manifest.

    Args:
        id: Unique in its dataset.
        path: File below the dataset's root; ``scan.dcm#frame=3`` is one frame (from 0) of several,
            ``file.npz#train/5`` a row of the array ``train_images``.
        label: One class, several joined by ``|``, or None.
        split: ``train``, ``val`` or ``test``.
        group: What must not be torn apart: a patient, a parent image.
        source: Where it was acquired: a hospital, a scanner.
        text: A caption.
        boxes: Objects in it.
        extra: Every other column.
    """

    id: str
    path: str
    label: str | None = None
    split: str | None = None
    group: str | None = None
    source: str | None = None
    text: str | None = None
    boxes: tuple[Box, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedPixels:
    """Decoded images of a dataset, in record order.

    Args:
        pixels: ``uint8`` ``(N, size, size)``, in colour ``(N, size, size, 3)``; perhaps read-only.
        records: The N records that could be read.
        skipped: ``(id, reason)`` of each that could not.
    """

    pixels: Pixels
    records: tuple[Record, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Records plus what is known about all of them.

    Args:
        name: How commands call it.
        records: Its rows.
        classes: Label names; for two classes the second is the positive one.
        location: Where its pixels come from, for people to read.
        reader: Turns a record into an ``Image``.
        root: Folder that record paths start from; None when they are no files.
        colour: True when the images are RGB.
    """

    name: str
    records: tuple[Record, ...]
    classes: tuple[str, ...]
    location: str
    reader: Callable[[Record], Image]
    root: Path | None = None
    modality: str = ""
    licence: str = ""
    citation: str = ""
    description: str = ""
    synthetic: bool = False
    colour: bool = False

    def __len__(self) -> int:
        return len(self.records)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold records, in train, val, test order."""
        present = {record.split for record in self.records if record.split}
        return tuple(sorted(present, key=lambda s: (SPLITS.index(s) if s in SPLITS else 9, s)))

    def split(self, name: str, *, limit: int | None = None) -> Dataset:
        """Return the records of one split (or of ``all``), the first ``limit`` of them.

        Raises:
            UnknownSplitError: When no record is in that split.
        """
        if name == "all":
            return self.where(lambda _: True, limit=limit)
        if name not in self.splits:
            raise UnknownSplitError(self.name, name, self.splits)
        return self.where(lambda record: record.split == name, limit=limit)

    def where(self, keep: Callable[[Record], bool], *, limit: int | None = None) -> Dataset:
        """Return the records that ``keep`` accepts, the first ``limit`` of them."""
        records = tuple(record for record in self.records if keep(record))
        return replace(self, records=records[:limit])

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many records each split holds of each label."""
        table: dict[str, Counter[str]] = {}
        for record in self.records:
            table.setdefault(record.split or "-", Counter())[record.label or "-"] += 1
        return {split: dict(labels) for split, labels in table.items()}

    def find(self, record_id: str) -> Record:
        """Return the record of an id; raise ``UnknownNameError`` with near ids."""
        for record in self.records:
            if record.id == record_id:
                return record
        raise UnknownNameError("id", record_id, [r.id for r in self.records][:20])

    def targets(self) -> npt.NDArray[np.int64]:
        """Return class indices (N,).

        Raises:
            InputError: When a record has no label, an unknown one or several.
        """
        index = {name: i for i, name in enumerate(self.classes)}
        bad = [r for r in self.records if r.label is None or r.label not in index]
        if bad:
            raise InputError(
                f"{len(bad)} records of {self.name} have no single known label "
                f"(first: {bad[0].id}: {bad[0].label!r})",
                hint=f"labels must be one of {', '.join(self.classes)}",
            )
        return np.array([index[str(r.label)] for r in self.records], np.int64)

    def read(self, record: Record) -> Image:
        """Return the image of a record, as ``read_image`` does."""
        return self.reader(record)

    def load_pixels(self, size: int, *, description: str = "reading images") -> LoadedPixels:
        """Return every record's pixels at ``(size, size)``; what is unreadable is skipped, listed.

        They come from the pixel cache where they can; then ``pixels`` is a read-only map of a file.

        Raises:
            InputError: When no image could be read.
        """
        from medx.datasets.pixel_cache import load_pixels  # it builds on this module

        return load_pixels(self, size, description=description)
