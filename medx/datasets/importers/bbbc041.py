"""BBBC041's JSON: a list of images, each with objects and their ``bounding_box``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medx.core.errors import InputError
from medx.datasets.importers.annotations import (
    folder_below,
    image_root,
    import_annotated,
    read_json_files,
    split_of_file,
)
from medx.datasets.importers.base import Imported, ImportOptions, Skipped
from medx.datasets.importers.boxes import AnnotatedImage, box_from_corners, read_size
from medx.datasets.manifest import Box


def import_bbbc041(source: Path, options: ImportOptions) -> Imported:
    """Import fields with boxes; ``training.json`` and ``test.json`` give the split.

    Raises:
        InputError: When no file has the format or none of its images is found.
    """
    root = image_root(source, options)
    skipped: list[Skipped] = []
    found: list[AnnotatedImage] = []
    for path, loaded in read_json_files(source, skipped):
        if isinstance(loaded, list):
            found += _read_images(loaded, path, root, skipped)
        else:
            skipped.append((path.name, "not BBBC041's JSON: it is no list of images"))
    if not found:
        raise InputError(f"no JSON file of BBBC041's format in {source}", hint="check --format")
    return import_annotated(found, root, skipped=skipped)


def _read_images(
    loaded: list[Any], path: Path, root: Path, skipped: list[Skipped]
) -> Iterator[AnnotatedImage]:
    for i, entry in enumerate(loaded):
        image, objects = _part(entry, "image"), _part(entry, "objects")
        named = _part(image, "pathname")
        if not isinstance(named, str) or not isinstance(objects, list):
            skipped.append((f"{path.name}[{i}]", "it has no image.pathname or no objects"))
            continue
        boxes, problems = [], []
        for k, item in enumerate(objects):
            try:
                boxes.append(_read_box(item))
            except ValueError as error:
                problems.append(f"object {k} left out: {error}")
        shape = _part(image, "shape")
        yield AnnotatedImage(
            named=named.lstrip("/"),  # it starts from the folder of the file, not of the system
            boxes=tuple(boxes),
            beside=folder_below(path, root),
            size=read_size(_part(shape, "c"), _part(shape, "r")),
            split=split_of_file(path),
            problems=tuple(problems),
        )


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _read_box(item: Any) -> Box:
    corners = _part(item, "bounding_box")
    low, high = _part(corners, "minimum"), _part(corners, "maximum")
    return box_from_corners(
        _part(item, "category"),
        _part(low, "c"),
        _part(low, "r"),
        _part(high, "c"),
        _part(high, "r"),
    )
