"""MedMNIST: rows of an ``.npz`` become records that point into it."""

from __future__ import annotations

from pathlib import Path

from medx.core.errors import InputError
from medx.datasets import medmnist
from medx.datasets.importers.base import Imported, ImportOptions
from medx.datasets.manifest import SPLITS, Record
from medx.datasets.npz import NpzImages

NAMED_BY_FILE = "a MedMNIST file keeps its name: pneumoniamnist.npz, pathmnist_64.npz"


def import_medmnist(source: Path, options: ImportOptions) -> Imported:
    """Import a MedMNIST ``.npz``, or the one in a folder.

    Raises:
        InputError: When there is not one such file, or it is damaged.
    """
    path = source if source.is_file() else _only_npz(source)
    if medmnist.parse_name(path.stem) is None:
        return _import_unknown(path)
    dataset = medmnist.load_medmnist(path.stem, data_dir=path.parent, download=False)
    return Imported(
        name=dataset.name,
        records=dataset.records,
        root=path.parent,
        classes=dataset.classes,
        modality=dataset.modality,
        licence=dataset.licence,
        citation=dataset.citation,
        description=dataset.description,
        colour=dataset.colour,
    )


def _only_npz(folder: Path) -> Path:
    found = sorted(folder.glob("*.npz"))
    if len(found) != 1:
        raise InputError(f"{folder} holds {len(found)} .npz files", hint="name one of them")
    return found[0]


def _import_unknown(path: Path) -> Imported:
    """Import arrays laid out as MedMNIST's under another name; classes are their numbers."""
    arrays = NpzImages(path)
    records = [
        Record(
            id=f"{split}-{i:05d}", path=f"{path.name}#{split}/{i}", label=str(row[0]), split=split
        )
        for split in SPLITS
        for i, row in enumerate(arrays.labels(split))
        if _has_one_label(row, path)
    ]
    if not records:
        raise InputError(f"{path} has no rows", hint=NAMED_BY_FILE)
    return Imported(
        name=path.stem,
        records=tuple(records),
        root=path.parent,
        classes=tuple(sorted({str(r.label) for r in records}, key=lambda n: (len(n), n))),
        colour=arrays.image(records[0].split or "train", 0).ndim == 3,
        notes=(f"{path.name} is no MedMNIST name: classes are called by their numbers",),
    )


def _has_one_label(row: object, path: Path) -> bool:
    if len(row) != 1:  # type: ignore[arg-type]
        raise InputError(f"{path} has several labels an image", hint=NAMED_BY_FILE)
    return True
