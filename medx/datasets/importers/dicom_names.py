"""DICOM files that come in as plain images: their names must not say who is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from medx.core.console import track
from medx.core.dicom_deflate import read_bounded
from medx.core.dicom_identity import IDENTITY_TAGS, Identity
from medx.core.errors import InputError
from medx.core.images import RASTER_SUFFIXES
from medx.core.mapped import open_mapped
from medx.core.quiet import quiet
from medx.core.words import many
from medx.datasets.importers.base import Imported
from medx.datasets.manifest import Record
from medx.datasets.manifest_files import split_path

_NO_DICOM = RASTER_SUFFIXES | {".npy", ".npz"}
_TAGS = [*IDENTITY_TAGS, "PatientIdentityRemoved"]


def check_dicom_names(imported: Imported) -> Imported:
    """Return an import, with a note when its DICOM files name their patients inside.

    Raises:
        InputError: When the path or id of a record holds a name, id or UID from its own file.
    """
    files = _dicom_files(imported.records)
    if not files:
        return imported
    counted = _count(imported.root, files)
    if named := counted["named"]:
        raise InputError(
            f"{many(named, 'DICOM file')} cannot be imported like this: file or folder names hold "
            "the name, id or a UID of their own patient, and a manifest would repeat them",
            hint="run again with --format dicom --copy; --labels takes a sheet of the labels",
        )
    if not (inside := counted["inside"]):
        return imported
    note = (
        f"{many(inside, 'DICOM file names its', 'DICOM files name their')} patient inside, and so "
        "does a copy: --format dicom --copy makes copies that do not"
    )
    return replace(imported, notes=(*imported.notes, note))


def _dicom_files(records: Iterable[Record]) -> dict[str, str]:
    """Return the ids of the records of each DICOM file, as one text."""
    files: dict[str, str] = {}
    for record in records:
        name = split_path(record.path)[0]
        if Path(name).suffix.lower() not in _NO_DICOM:
            files[name] = f"{files.get(name, '')}/{record.id}"
    return files


def _count(root: Path, files: dict[str, str]) -> Counter[str]:
    """Return how many files bear what identifies their patient, and how many hold it."""
    counted: Counter[str] = Counter()
    with quiet():
        for name, ids in track(files.items(), "reading headers", total=len(files)):
            try:
                with open_mapped(root / name) as file:
                    header = read_bounded(
                        name, file, force=True, stop_before_pixels=True, specific_tags=_TAGS
                    )
                # A manifest names the root, too.
                path = f"{root.resolve().name}/{name}{ids}"
                counted["named"] += Identity(header).is_in_path(path)
                counted["inside"] += _names_somebody(header)
            except Exception:  # damaged: it is listed when it is read as an image
                continue
    return counted


def _names_somebody(header: Any) -> bool:
    held = header.get("PatientName") or header.get("PatientID")
    return bool(held) and header.get("PatientIdentityRemoved") != "YES"
