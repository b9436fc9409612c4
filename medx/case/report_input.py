"""The images that reports are asked for: records of a dataset, files, folders, manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from medx.case.names import name_images
from medx.core.errors import InputError, MedxError
from medx.core.images import Image, count_frames, list_images, read_image
from medx.core.values import Prediction
from medx.datasets.importers.base import ImportOptions
from medx.datasets.importers.sheets import TABLE_SUFFIXES
from medx.datasets.importers.table import import_table
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import CSV_FILE, PARQUET_FILE, file_of, file_reader, load_manifest
from reportgen.samples import SampleKind


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportInput:
    """Images to report on, not read yet.

    Args:
        dataset: Whose records they are, in order; no id names a patient.
        from_file: True when they are no records of the classifier's dataset.
        kinds: Why each was chosen, by id.
        predictions: What the classifier said when it was asked for the choice, by id.
        skipped: ``(id, reason)`` of those that are known to be unreadable.
    """

    dataset: Dataset
    from_file: bool
    kinds: Mapping[str, SampleKind] = field(default_factory=dict)
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.dataset) + len(self.skipped)


def find_inputs(
    paths: Sequence[Path], known: Dataset, *, limit: int | None = None
) -> list[ReportInput]:
    """Return what paths stand for, without reading an image.

    Args:
        paths: Image files, folders of them at any depth, and manifests or other tables.
        known: The dataset that classifier and archive were made from.
        limit: Only the first so many images.

    Raises:
        InputError: When a folder holds no image, or a table cannot be read.
    """
    tables = [path for path in paths if path.suffix.lower() in TABLE_SUFFIXES]
    files = [file for path in paths if path not in tables for file in _files(path)]
    found = [_file_input(files, known)] if files else []
    found += [_table_input(path, known) for path in tables]
    return list(_limited(_distinct(found), limit))


def read_record(dataset: Dataset, record: Record) -> Image:
    """Read an image.

    Raises:
        InputError: When that is not possible. It goes by the record's id: paths may name patients.
    """
    try:
        return dataset.read(record)
    except MedxError as error:
        named = record.id + Path(record.path).suffix
        told = str(error)
        for path in _names_of(dataset, record):
            told = told.replace(path, named)
        raise InputError(told, hint=error.hint) from None


def holds_several(dataset: Dataset, record: Record, image: Image) -> bool:
    """Return whether a file holds further images than the one that was read of it."""
    if image.facts.get("format") == "DICOM":  # its header was read already
        return "#" not in record.path and int(image.facts.get("frames", 1)) > 1
    return dataset.root is None and count_frames(record.path) > 1


def _names_of(dataset: Dataset, record: Record) -> list[str]:
    """Return what an error may call the file of a record, longest first."""
    if dataset.root is None:
        return [record.path]
    return [str(file_of(record, dataset.root)), record.path]


def _files(path: Path) -> list[Path]:
    return list_images(path) if path.is_dir() else [path]


def _file_input(paths: Sequence[Path], known: Dataset) -> ReportInput:
    """Return image files as unlabelled records of nobody knows what origin."""
    names = name_images(paths)
    records = (Record(id=name, path=str(path)) for name, path in zip(names, paths, strict=True))
    dataset = replace(known, records=tuple(records), reader=_read_file, root=None, synthetic=False)
    return ReportInput(dataset=dataset, from_file=True)


def _read_file(record: Record) -> Image:
    return read_image(record.path)


def _table_input(path: Path, known: Dataset) -> ReportInput:
    """Return the images of a table; the modality it tells counts, else the classifier's does."""
    if not path.is_file():
        raise InputError(f"no such file: {path}", hint="check the path")
    if path.name in (CSV_FILE, PARQUET_FILE):
        listed = load_manifest(path.parent)
        dataset = replace(listed, modality=listed.modality or known.modality)
        return ReportInput(dataset=dataset, from_file=True)
    found = import_table(path, ImportOptions())
    ids = name_images([found.root / record.path for record in found.records])
    named = (replace(r, id=name) for r, name in zip(found.records, ids, strict=True))
    dataset = replace(
        known,
        records=tuple(named),
        root=found.root,
        reader=file_reader(found.root),
        synthetic=False,
    )
    # What a table calls a file that is not there may name a patient.
    rows = [reason.partition(":") for _, reason in found.skipped]
    skipped = tuple((f"{path.name} {row}", "no such image") for row, _, _ in rows)
    return ReportInput(dataset=dataset, from_file=True, skipped=skipped)


def _distinct(inputs: Sequence[ReportInput]) -> Iterator[ReportInput]:
    """Make ids that several inputs share different."""
    seen: set[str] = set()
    for number, found in enumerate(inputs, start=1):
        dataset = found.dataset
        if not seen.isdisjoint(record.id for record in dataset.records):
            renamed = (replace(r, id=f"input-{number}/{r.id}") for r in dataset.records)
            dataset = replace(dataset, records=tuple(renamed))
        seen.update(record.id for record in dataset.records)
        yield replace(found, dataset=dataset)


def _limited(inputs: Iterator[ReportInput], limit: int | None) -> Iterator[ReportInput]:
    left = limit
    for found in inputs:
        records = found.dataset.records[:left]
        yield replace(found, dataset=replace(found.dataset, records=records))
        left = None if left is None else left - len(records)
