"""Telling a source's format from what lies in it."""

from __future__ import annotations

import json
import os
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from medx.core.errors import InputError
from medx.core.images import IMAGE_SUFFIXES
from medx.core.words import many
from medx.datasets.importers.dicom_records import has_preamble
from medx.datasets.importers.sheets import TABLE_SUFFIXES
from medx.datasets.manifest_files import ABOUT_FILE

#: Enough files to tell a layout by; a tree of a million is not walked for it.
LOOKED_AT = 5000
DICOM = frozenset({".dcm", ".dicom"})
HINT = "name it with --format"


def recognise(source: Path) -> tuple[str, str]:
    """Return the format of a file or folder and what tells it.

    Raises:
        InputError: When nothing does, or when two formats would fit.
    """
    return _of_folder(source) if source.is_dir() else _of_file(source)


def _of_file(path: Path) -> tuple[str, str]:
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return "table", f"a {suffix} table"
    if suffix == ".npz":
        return "medmnist", "an .npz file"
    if suffix == ".xml":
        return "voc", "an XML file"
    if suffix == ".json" and (found := _of_json(path)):
        return found, "the keys of the JSON file"
    if suffix in DICOM:
        return "dicom", "a DICOM file"
    raise InputError(f"cannot tell the format of {path}", hint=HINT)


def _of_json(path: Path) -> str | None:
    """Return which annotation format a JSON file has, or None."""
    try:
        loaded: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(loaded, dict):
        if "shapes" in loaded and "imagePath" in loaded:
            return "labelme"
        return "coco" if {"images", "annotations"} <= loaded.keys() else None
    first = loaded[0] if isinstance(loaded, list) and loaded else None
    return (
        "bbbc041-json" if isinstance(first, dict) and {"image", "objects"} <= first.keys() else None
    )


def _of_folder(folder: Path) -> tuple[str, str]:
    files = list(islice(_files(folder), LOOKED_AT))
    found = {name: why for name, why in (_clues(folder, files)) if name}
    if not found and (folder / ABOUT_FILE).is_file():
        raise InputError(
            f"{folder} is a dataset already", hint=f"use it as it is: medx data info {folder}"
        )
    if not found:
        raise InputError(f"cannot tell the format of {folder}: no image in it", hint=HINT)
    # Annotations say more than the folders that images lie in; DICOM files say nothing of others.
    if len(found) > 1 and not ("dicom" in found and _other_pictures(folder, files)):
        found.pop("folder", None)
    if len(found) > 1:
        listed = "; ".join(f"{name} ({why})" for name, why in found.items())
        raise InputError(f"{folder} could be {listed}", hint=HINT)
    return next(iter(found.items()))


def _other_pictures(folder: Path, files: list[Path]) -> bool:
    """Return whether class folders hold mostly pictures that are no DICOM."""
    suffixes = [path.suffix.lower() for path in files if path.parent != folder]
    others = sum(suffix in IMAGE_SUFFIXES - DICOM for suffix in suffixes)
    return others > sum(suffix in DICOM | {""} for suffix in suffixes)


def _files(folder: Path) -> Any:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith((".", "__MACOSX")))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _clues(folder: Path, files: list[Path]) -> list[tuple[str, str]]:
    kinds = Counter(path.suffix.lower() for path in files)
    clues = []
    if kinds[".xml"]:
        clues.append(("voc", many(kinds[".xml"], "XML file")))
    jsons = Counter(_of_json(path) for path in _first(files, ".json"))
    clues += [(name, "its JSON files") for name in jsons if name]
    if DICOM & kinds.keys():
        clues.append(("dicom", many(sum(kinds[s] for s in DICOM), "DICOM file")))
    elif any(has_preamble(path) for path in _first(files, "")):
        clues.append(("dicom", "DICOM files without a suffix"))
    own = (folder / ABOUT_FILE).is_file()
    tables = [
        path for path in files if path.suffix.lower() in TABLE_SUFFIXES and path.parent == folder
    ]
    if len(tables) == 1 and not own:
        clues.append(("table", f"{tables[0].name} beside images"))
    npz = [path for path in files if path.suffix.lower() == ".npz"]
    if len(npz) == 1:
        clues.append(("medmnist", npz[0].name))
    if not own and any(p.suffix.lower() in IMAGE_SUFFIXES and p.parent != folder for p in files):
        clues.append(("folder", "images in class folders"))
    return clues


def _first(files: list[Path], suffix: str, count: int = 5) -> list[Path]:
    return [path for path in files if path.suffix.lower() == suffix][:count]
