"""Writing what a way in found: one manifest, ``dataset.yaml`` and what was left out."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import Field

from medx.core.console import track
from medx.core.errors import InputError, MedxError
from medx.core.files import atomic_dir, safe_name, write_text
from medx.core.values import Value
from medx.datasets.importers.base import Imported, Skipped, label_of_boxes
from medx.datasets.label_map import LabelMap
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import file_of, file_reader, save_dataset

SKIPPED_FILE = "skipped.csv"
IMAGES_FOLDER = "images"


class SkippedFile(Value):
    """One image or annotation that was left out."""

    path: str
    reason: str


class ImportSummary(Value):
    """What an import wrote."""

    schema_version: int = 1
    name: str
    synthetic: bool
    folder: str
    root: str = Field(description="Folder the image paths start from.")
    copied: bool
    images: int
    classes: list[str] = Field(description="For two classes the second is the positive one.")
    counts: dict[str, dict[str, int]] = Field(description="split → label → images")
    boxes: dict[str, int] = Field(description="class → boxes")
    groups: int
    sources: dict[str, int]
    dropped: int = Field(description="Images left out because the label map drops their class.")
    skipped: list[SkippedFile]
    notes: list[str]


def save_imported(
    imported: Imported,
    output: Path,
    *,
    name: str | None = None,
    label_map: LabelMap | None = None,
    copy: bool = False,
) -> ImportSummary:
    """Write a dataset folder at ``output``; half of one is never left behind.

    Args:
        imported: What was found.
        output: Must not exist, or be empty.
        name: Replaces the name suggested by the source.
        label_map: Merges, renames or drops classes first; it must name only known ones.
        copy: Copy the image files below ``output`` instead of referencing them.

    Raises:
        InputError: When ``output`` holds something, no image is left, or the files may only be
            copied.
        UnknownNameError: When the map names a class that does not exist.
    """
    check_output(output)
    if not copy and imported.copier and imported.copier.must:
        raise InputError(imported.copier.must, hint="run again with --copy")
    mapped = imported if label_map is None else apply_label_map(imported, label_map)
    _check_any(mapped)
    with atomic_dir(output) as folder:
        root = imported.root
        if copy:
            mapped, root = _copy_images(mapped, folder), folder
            _check_any(mapped)
        dataset = build_dataset(mapped, root, name or mapped.name, output)
        save_dataset(dataset, folder)
        if mapped.skipped:
            write_skipped(mapped.skipped, folder / SKIPPED_FILE)
    failed = len(mapped.skipped) - len(imported.skipped)
    dropped = len(imported.records) - len(mapped.records) - failed
    return summarise(dataset, mapped, output, copied=copy, dropped=dropped)


def check_output(output: Path) -> None:
    """Raise ``InputError`` when writing to ``output`` would replace something."""
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise InputError(
            f"{output} exists already", hint="choose another --output, or delete it first"
        )


def apply_label_map(imported: Imported, label_map: LabelMap) -> Imported:
    """Return the import with its classes merged, renamed or dropped."""
    label_map.check([*imported.classes, *_labels_used(imported.records)])
    classes = label_map.classes(imported.classes)
    records = []
    for record in imported.records:
        new = label_map.apply_to_record(record, keep_unlabelled=imported.labels_from_boxes)
        if new is not None and imported.labels_from_boxes:
            new = replace(new, label=label_of_boxes(new, classes))
        if new is not None:
            records.append(new)
    return replace(imported, records=tuple(records), classes=classes)


def _labels_used(records: Iterable[Record]) -> set[str]:
    used: set[str] = set()
    for record in records:
        used.update(box.label for box in record.boxes)
        used.update((record.label or "").split("|"))
    return used - {""}


def _check_any(imported: Imported) -> None:
    if imported.records:
        return
    first = f"; first skipped: {': '.join(imported.skipped[0])}" if imported.skipped else ""
    raise InputError(
        f"no image is left to import{first}",
        hint="check the source, --images and --label-map",
    )


@dataclass
class _Names:
    """File names handed out so far; case is no difference on some systems."""

    taken: set[str] = field(default_factory=set)

    def unique(self, stem: str, suffix: str) -> str:
        base = safe_name(stem)[:150]
        name, n = f"{base}{suffix}", 1
        while name.casefold() in self.taken:
            n += 1
            name = f"{base}-{n}{suffix}"
        self.taken.add(name.casefold())
        return name


def _copy_images(imported: Imported, folder: Path) -> Imported:
    (folder / IMAGES_FOLDER).mkdir()
    names, copies, kept = _Names(), dict[Path, str | None](), []
    skipped, copier = list(imported.skipped), imported.copier
    copy_file = copier.copy if copier else shutil.copyfile
    for record in track(imported.records, "copying images"):
        source = file_of(record, Path())
        if source not in copies:
            # An npz is found again by its own name; images are named by their id.
            stem = source.stem if source.suffix == ".npz" else record.id
            suffix = copier.suffix if copier else source.suffix.lower()
            target = f"{IMAGES_FOLDER}/{names.unique(stem, suffix)}"
            try:
                copy_file(imported.root / source, folder / target)
                copies[source] = target
            except (OSError, MedxError) as error:
                _raise_when_full(error)
                copies[source] = None
        if (copied := copies[source]) is None:
            # Where only copies may be kept, a path says too much.
            shown = record.id if copier and copier.must else record.path
            skipped.append((shown, "could not be copied"))
        else:
            kept.append(replace(record, path=copied + record.path[len(source.as_posix()) :]))
    return replace(imported, records=tuple(kept), skipped=tuple(skipped))


def _raise_when_full(error: Exception) -> None:
    import errno

    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        raise error


def build_dataset(imported: Imported, root: Path, name: str, output: Path) -> Dataset:
    """Return the dataset that an import makes at ``output``."""
    return Dataset(
        name=name,
        records=imported.records,
        classes=imported.classes,
        location=str(output),
        reader=file_reader(root),
        root=root,
        modality=imported.modality,
        licence=imported.licence,
        citation=imported.citation,
        description=imported.description,
        synthetic=imported.synthetic,
        colour=imported.colour,
    )


def write_skipped(skipped: Iterable[Skipped], path: Path) -> None:
    """Write what was left out and why as a table."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("path", "reason"))
    writer.writerows((_printable(name), reason) for name, reason in skipped)
    write_text(path, buffer.getvalue())


def _printable(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()


def summarise(
    dataset: Dataset, imported: Imported, output: Path, *, copied: bool, dropped: int
) -> ImportSummary:
    """Return what an import has written."""
    records = dataset.records
    return ImportSummary(
        name=dataset.name,
        synthetic=dataset.synthetic,
        folder=str(output),
        root=str(output if copied else imported.root),
        copied=copied,
        images=len(records),
        classes=list(dataset.classes),
        counts=dataset.counts(),
        boxes=dict(Counter(box.label for record in records for box in record.boxes)),
        groups=len({record.group for record in records if record.group}),
        sources=dict(Counter(record.source for record in records if record.source)),
        dropped=dropped,
        skipped=[SkippedFile(path=_printable(p), reason=r) for p, r in imported.skipped],
        notes=list(imported.notes),
    )
