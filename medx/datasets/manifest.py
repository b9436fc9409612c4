"""A dataset is a named manifest plus how to read its pixels.

On disk: ``manifest.csv`` (columns ``id, path, label, split, group, source, text, boxes``; unknown
columns are kept) beside ``dataset.yaml`` (name, classes, modality, licence, citation).
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from medx.core.console import track, warn
from medx.core.errors import DataUnavailableError, InputError, MedxError, UnknownNameError
from medx.core.files import write_text
from medx.core.images import Image, Pixels, read_image, resize, to_grey, to_rgb

SPLITS = ("train", "val", "test")
COLUMNS = ("id", "path", "label", "split", "group", "source", "text", "boxes")


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
    """One row of a manifest."""

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
        pixels: ``uint8`` ``(N, size, size)``, or ``(N, size, size, 3)`` in colour.
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
        colour: True when the images are RGB.
    """

    name: str
    records: tuple[Record, ...]
    classes: tuple[str, ...]
    location: str
    reader: Callable[[Record], Image]
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
            UnknownNameError: When no record is in that split.
        """
        if name == "all":
            return self.where(lambda _: True, limit=limit)
        if name not in self.splits:
            raise UnknownNameError(f"split of {self.name}", name, [*self.splits, "all"])
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
        """Decode every record at ``(size, size)``; what cannot be read is skipped and listed.

        Raises:
            InputError: When no image could be read.
        """
        fit = to_rgb if self.colour else to_grey
        pixels, kept, skipped = [], [], []
        for record in track(self.records, description):
            try:
                image = self.read(record)
            except MedxError as error:
                skipped.append((record.id, str(error)))
                continue
            pixels.append(resize(fit(image.pixels), size))
            kept.append(record)
        if skipped:
            warn(f"skipped {len(skipped)} unreadable images, first: {skipped[0][1]}")
        if not kept:
            raise InputError(f"no readable image in {self.name}", hint="check the dataset")
        return LoadedPixels(pixels=np.stack(pixels), records=tuple(kept), skipped=tuple(skipped))


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write ``manifest.csv`` and ``dataset.yaml`` into ``folder``."""
    extras = sorted({key for record in dataset.records for key in record.extra})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *extras])
    for r in dataset.records:
        boxes = json.dumps([vars(box) for box in r.boxes]) if r.boxes else ""
        row = [r.id, r.path, r.label, r.split, r.group, r.source, r.text, boxes]
        writer.writerow([*("" if v is None else v for v in row), *(r.extra.get(k) for k in extras)])
    write_text(folder / "manifest.csv", buffer.getvalue())
    about = {
        "name": dataset.name,
        "classes": list(dataset.classes),
        "modality": dataset.modality,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "description": dataset.description,
        "synthetic": dataset.synthetic,
        "colour": dataset.colour,
    }
    write_text(folder / "dataset.yaml", yaml.safe_dump(about, sort_keys=False))


def load_manifest(folder: Path) -> Dataset:
    """Read a dataset folder written by ``save_dataset`` or by hand.

    Paths in the manifest are relative to the folder.

    Raises:
        DataUnavailableError: When there is no ``manifest.csv``.
        InputError: When it is damaged or empty, repeats an id or names a path outside the folder.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        raise DataUnavailableError(f"{folder} is not a dataset folder: no manifest.csv in it")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets write a BOM
            rows = list(csv.DictReader(stream))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a CSV file: {error}") from error
    if not rows or not {"id", "path"} <= rows[0].keys():
        raise InputError(f"{path} needs the columns id and path and at least one row")
    records = tuple(_record_from_row(row, path) for row in rows)
    repeated = [name for name, n in Counter(r.id for r in records).items() if n > 1]
    if repeated:
        raise InputError(f"{path} repeats the id {repeated[0]!r}", hint="ids must be unique")
    about = _read_about(folder / "dataset.yaml")
    labels = sorted({r.label for r in records if r.label})
    return Dataset(
        name=str(about.get("name", folder.name)),
        records=records,
        classes=_read_classes(about, folder) or tuple(labels),
        location=str(folder),
        reader=lambda record: read_image(folder / record.path),
        modality=str(about.get("modality", "")),
        licence=str(about.get("licence", "")),
        citation=str(about.get("citation", "")),
        description=str(about.get("description", "")),
        synthetic=bool(about.get("synthetic", False)),
        colour=bool(about.get("colour", False)),
    )


def _record_from_row(row: Mapping[str, Any], path: Path) -> Record:
    if not row["id"] or not row["path"]:
        raise InputError(f"{path} has a row without id or path")
    if not _is_inside(row["path"]):
        raise InputError(
            f"{path} has a path outside its folder at id {row['id']!r}: {row['path']}",
            hint="paths are relative to the folder of the manifest",
        )
    try:
        boxes = tuple(Box(**box) for box in json.loads(row.get("boxes") or "[]"))
    except (json.JSONDecodeError, TypeError) as error:
        raise InputError(f"{path} has damaged boxes at id {row['id']!r}: {error}") from error
    return Record(
        id=row["id"],
        path=row["path"],
        label=row.get("label") or None,
        split=row.get("split") or None,
        group=row.get("group") or None,
        source=row.get("source") or None,
        text=row.get("text") or None,
        boxes=boxes,
        extra={k: v for k, v in row.items() if k and k not in COLUMNS and v},
    )


def _is_inside(path: str) -> bool:
    # Manifests move between systems: what leaves the folder on either is refused on both.
    return all(
        not (pure.anchor or ".." in pure.parts)
        for pure in (PurePosixPath(path), PureWindowsPath(path))
    )


def _read_classes(about: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    path = folder / "dataset.yaml"
    listed = about.get("classes") or []
    if not isinstance(listed, list):
        raise InputError(f"{path} must give classes as a list, got {listed!r}")
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InputError(
                f"{path} has a class that is no name: {value!r}",
                hint="put quotes around it: YAML reads yes, no, on and off as true or false",
            )
    classes = tuple(str(value) for value in listed)
    repeated = [name for name, n in Counter(classes).items() if n > 1]
    if repeated:
        raise InputError(f"{path} repeats the class {repeated[0]!r}")
    return classes


def _read_about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    if not isinstance(about, dict):
        raise InputError(f"{path} is damaged: not a mapping")
    return about
