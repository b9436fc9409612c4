"""A folder per class: ``CLASS/…`` or ``train|val|test/CLASS/…``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from medx.core.errors import InputError
from medx.core.images import IMAGE_SUFFIXES
from medx.datasets.class_order import order_classes
from medx.datasets.importers.base import (
    Imported,
    ImportOptions,
    split_missing,
    with_unique_ids,
)
from medx.datasets.importers.dicom_records import has_preamble
from medx.datasets.manifest import Record

#: How people spell the three splits.
SPLIT_NAMES = {
    "train": "train", "training": "train", "trainset": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "testset": "test",
    "testa": "test", "testb": "test", "test-a": "test", "test-b": "test",
}  # fmt: skip


def import_folder(source: Path, options: ImportOptions) -> Imported:
    """Import images whose class is the folder they are in.

    Raises:
        InputError: When no image lies in a class folder.
    """
    root = options.images or source
    found = label_by_folder(image_paths(root))
    records, skipped = split_missing((r for r in found if r.label is not None), root)
    if not records:
        raise InputError(
            f"no folder of {root} holds images of a class",
            hint="the layout is CLASS/image.png or train/CLASS/image.png; else name --format",
        )
    stray = [r for r in found if r.label is None]
    return Imported(
        name=root.resolve().name,
        records=with_unique_ids(records),
        root=root,
        classes=order_classes(str(record.label) for record in records),
        skipped=(*skipped, *((record.path, "in no class folder") for record in stray)),
    )


def label_by_folder(paths: Sequence[str]) -> list[Record]:
    """Return a record a path: split and class are its folders', below any common wrapper.

    Where split folders stand at the top, what lies beside them has no class: archives often hold
    a second copy of themselves there.
    """
    folders = [PurePosixPath(path).parts[:-1] for path in paths]
    wrapper = _wrapper(folders)
    folders = [parts[wrapper:] for parts in folders]
    by_split = any(parts and parts[0].lower() in SPLIT_NAMES for parts in folders)
    return [_record(*pair, by_split) for pair in zip(paths, folders, strict=True)]


def _wrapper(folders: Sequence[tuple[str, ...]]) -> int:
    """Return how many leading folders all images share without their being class or split."""
    depth = min((len(parts) - 1 for parts in folders), default=0)
    for i in range(depth):
        if len({parts[i] for parts in folders}) > 1 or folders[0][i].lower() in SPLIT_NAMES:
            return i
    return max(depth, 0)


def _record(path: str, folders: tuple[str, ...], by_split: bool) -> Record:
    split = next((SPLIT_NAMES[f.lower()] for f in folders if f.lower() in SPLIT_NAMES), None)
    named = [folder for folder in folders if folder.lower() not in SPLIT_NAMES]
    beside = by_split and folders[:1] and folders[0].lower() not in SPLIT_NAMES
    return Record(id=path, path=path, label=named[0] if named and not beside else None, split=split)


def image_paths(root: Path) -> list[str]:
    """Return the images below ``root`` as sorted relative paths; hidden ones are left out."""
    if not root.is_dir():
        raise InputError(f"no such folder: {root}", hint="check the path")
    return sorted(_walk(root))


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for name in files:
            if not name.startswith(".") and _is_image(Path(folder, name)):
                yield str(below / name)


def _is_image(path: Path) -> bool:
    """Return whether a file is one by its name, or DICOM, which archives name freely."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    return path.name != "DICOMDIR" and path.is_file() and has_preamble(path)
