"""A dataset on disk: ``manifest.csv`` beside ``dataset.yaml``.

The manifest's columns are ``id, path, label, split, group, source, text, boxes``; unknown ones are
kept. Past 100 000 rows it is ``manifest.parquet``. ``dataset.yaml`` holds name, classes, modality,
licence, citation and, where images are referenced instead of copied, the ``root`` of the paths.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from medx.core.errors import DataUnavailableError, InputError
from medx.core.files import atomic_path, write_text
from medx.core.images import Image, image_from_array, read_image
from medx.datasets.class_order import order_classes
from medx.datasets.manifest import Box, Dataset, Record
from medx.datasets.npz import NpzImages

COLUMNS = ("id", "path", "label", "split", "group", "source", "text", "boxes")
CSV_FILE, PARQUET_FILE, ABOUT_FILE = "manifest.csv", "manifest.parquet", "dataset.yaml"
LARGEST_CSV = 100_000

_NPZ_ROW = re.compile(r"(?P<file>.*\.npz)#(?P<split>\w+)/(?P<row>\d+)")
_FRAME = re.compile(r"(?P<file>.*)#frame=(?P<frame>\d+)")


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write manifest and ``dataset.yaml`` into ``folder``, replacing those already there."""
    extras = sorted({key for record in dataset.records for key in record.extra} - {*COLUMNS})
    about: dict[str, Any] = {
        "name": dataset.name,
        "classes": list(dataset.classes),
        "modality": dataset.modality,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "description": dataset.description,
        "synthetic": dataset.synthetic,
        "colour": dataset.colour,
    }
    if dataset.root is not None and dataset.root.resolve() != folder.resolve():
        about["root"] = str(dataset.root.resolve())
    write_text(folder / ABOUT_FILE, yaml.safe_dump(about, sort_keys=False, allow_unicode=True))
    rows = (_row_from_record(record, extras) for record in dataset.records)
    if len(dataset) > LARGEST_CSV:
        _write_parquet(folder / PARQUET_FILE, [*COLUMNS, *extras], rows)
        (folder / CSV_FILE).unlink(missing_ok=True)
        return
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *extras])
    writer.writerows(rows)
    write_text(folder / CSV_FILE, buffer.getvalue())
    (folder / PARQUET_FILE).unlink(missing_ok=True)


def load_manifest(folder: Path) -> Dataset:
    """Read a dataset folder written by ``save_dataset`` or by hand.

    Paths in the manifest are relative to the folder, or to the ``root`` in ``dataset.yaml``.

    Raises:
        DataUnavailableError: When there is no manifest, or its images' root is gone.
        InputError: When it is damaged or empty, repeats an id or names a path outside its root.
    """
    path, rows = _read_rows(folder)
    if not rows or not {"id", "path"} <= rows[0].keys():
        raise InputError(f"{path} needs the columns id and path and at least one row")
    records = tuple(_record_from_row(row, path) for row in rows)
    repeated = [name for name, n in Counter(r.id for r in records).items() if n > 1]
    if repeated:
        raise InputError(f"{path} repeats the id {repeated[0]!r}", hint="ids must be unique")
    about = _read_about(folder / ABOUT_FILE)
    labels = order_classes(r.label for r in records if r.label)
    root = _read_root(about, folder)
    return Dataset(
        name=str(about.get("name", folder.name)),
        records=records,
        classes=_read_classes(about, folder) or labels,
        location=str(folder),
        reader=file_reader(root),
        root=root,
        modality=str(about.get("modality", "")),
        licence=str(about.get("licence", "")),
        citation=str(about.get("citation", "")),
        description=str(about.get("description", "")),
        synthetic=bool(about.get("synthetic", False)),
        colour=bool(about.get("colour", False)),
    )


@dataclass(frozen=True)
class FileReader:
    """Reads the image of a record whose path is below ``root``."""

    root: Path

    def __call__(self, record: Record) -> Image:
        """Return the image of a record, as ``read_image`` does."""
        if row := _NPZ_ROW.fullmatch(record.path):
            path = self.root / row["file"]
            pixels = _open_npz(path, _state_of(path)).image(row["split"], int(row["row"]))
            return image_from_array(pixels, facts={"format": "NPZ"})
        return read_image(file_of(record, self.root), frame=frame_of(record))


def file_reader(root: Path) -> FileReader:
    """Return how to read the image of a record whose path is below ``root``."""
    return FileReader(root)


def split_path(path: str) -> tuple[str, str]:
    """Return the file of a record's path, and which frame or row of it (empty: all of it)."""
    if "#" not in path:
        return path, ""
    part = _NPZ_ROW.fullmatch(path) or _FRAME.fullmatch(path)
    file = part["file"] if part else path
    return file, path[len(file) :]


def npz_image_shape(record: Record, root: Path) -> tuple[int, ...] | None:
    """Return the shape of a record's image when it is a readable npz row, else None."""
    row = _NPZ_ROW.fullmatch(record.path)
    return NpzImages(root / row["file"]).image_shape(row["split"]) if row else None


def file_of(record: Record, root: Path) -> Path:
    """Return the file that holds the image of a record."""
    return root / split_path(record.path)[0]


def frame_of(record: Record) -> int:
    """Return which frame of its file a record is, from 0."""
    part = _FRAME.fullmatch(record.path)
    return int(part["frame"]) if part else 0


@lru_cache(maxsize=4)
def _open_npz(path: Path, state: tuple[int, int]) -> NpzImages:
    return NpzImages(path)


def _state_of(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # opening it says what is wrong
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _read_rows(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    path = folder / PARQUET_FILE
    if path.is_file():
        return path, _read_parquet(path)
    path = folder / CSV_FILE
    if not path.is_file():
        source = shlex.quote(str(folder))
        raise DataUnavailableError(
            f"{folder} is not a dataset folder: no {CSV_FILE} in it",
            hint=f"make one of its images: medx data import {source} --output NEW",
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets write a BOM
            return path, list(csv.DictReader(stream))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a CSV file: {error}") from error


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error
    rows: list[dict[str, Any]] = [
        {key: None if value is None else str(value) for key, value in row.items()}
        for row in table.to_pylist()
    ]
    return rows


def _write_parquet(path: Path, columns: list[str], rows: Iterable[list[str]]) -> None:
    import pyarrow
    from pyarrow import parquet

    values = zip(*rows, strict=True)
    table = pyarrow.table(
        {name: pyarrow.array(v, pyarrow.string()) for name, v in zip(columns, values, strict=True)}
    )
    with atomic_path(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")


def _row_from_record(record: Record, extras: list[str]) -> list[str]:
    boxes = json.dumps([vars(box) for box in record.boxes]) if record.boxes else ""
    known = (
        record.id, record.path, record.label, record.split, record.group, record.source,
        record.text, boxes,
    )  # fmt: skip
    return [*(value or "" for value in known), *(record.extra.get(key, "") for key in extras)]


def _record_from_row(row: Mapping[str, Any], path: Path) -> Record:
    if not row["id"] or not row["path"]:
        raise InputError(f"{path} has a row without id or path")
    if not _is_inside(row["path"]):
        raise InputError(
            f"{path} has a path outside its folder at id {row['id']!r}: {row['path']}",
            hint="paths are relative to the folder of the manifest, or to root in dataset.yaml",
        )
    try:
        listed = json.loads(row["boxes"]) if row.get("boxes") else ()
        boxes = tuple(Box(**box) for box in listed)
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
    if not (path.startswith(("/", "\\")) or ".." in path or ":" in path):
        return True
    # Manifests move between systems: what leaves the folder on either is refused on both.
    return all(
        not (pure.anchor or ".." in pure.parts)
        for pure in (PurePosixPath(path), PureWindowsPath(path))
    )


def _read_root(about: Mapping[str, Any], folder: Path) -> Path:
    root = folder / str(about.get("root") or "")
    if not root.is_dir():
        raise DataUnavailableError(
            f"the images of {folder} are not at {root}",
            hint=f"set root in {folder / ABOUT_FILE} to the folder they are in now",
        )
    return root


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
