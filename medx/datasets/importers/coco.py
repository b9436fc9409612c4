"""COCO: one JSON file for all images, with ``images``, ``annotations`` and ``categories``."""

from __future__ import annotations

from collections import defaultdict
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
    split_of_folder,
)
from medx.datasets.importers.base import Imported, ImportOptions, Skipped
from medx.datasets.importers.boxes import (
    AnnotatedImage,
    box_from_corners,
    read_label,
    read_size,
    shorten,
)
from medx.datasets.manifest import Box

Row = dict[str, Any]


def import_coco(source: Path, options: ImportOptions) -> Imported:
    """Import the images of COCO files with their boxes; the split is in the file's name.

    Raises:
        InputError: When there is no COCO file or none of its images is found.
    """
    root = image_root(source, options)
    found: list[AnnotatedImage] = []
    classes: dict[str, None] = {}
    skipped: list[Skipped] = []
    for path, loaded in read_json_files(source, skipped):
        try:
            names = _categories(loaded)
            found += _read_images(loaded, names, path, root)
        except ValueError as error:
            skipped.append((path.name, f"not a COCO file: {error}"))
        else:
            classes.update(dict.fromkeys(names.values()))
    if not found:
        first = f"; first: {': '.join(skipped[0])}" if skipped else ""
        raise InputError(f"no COCO file with images in {source}{first}", hint="check --format")
    return import_annotated(found, root, classes=classes, skipped=skipped)


def _categories(loaded: Any) -> dict[Any, str]:
    return {
        row["id"]: read_label(row["name"])
        for row in _rows(loaded, "categories")
        if _is_key(row.get("id")) and "name" in row
    }


def _rows(loaded: Any, key: str) -> list[Row]:
    rows = loaded.get(key) if isinstance(loaded, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"it has no list of {key}")
    return [row for row in rows if isinstance(row, dict)]


def _is_key(value: Any) -> bool:
    return isinstance(value, int | str)


def _read_images(
    loaded: Any, names: dict[Any, str], path: Path, root: Path
) -> Iterator[AnnotatedImage]:
    annotations = defaultdict(list)
    for row in _rows(loaded, "annotations"):
        if _is_key(row.get("image_id")):
            annotations[row["image_id"]].append(row)
    for row in _rows(loaded, "images"):
        if not isinstance(row.get("file_name"), str) or not _is_key(row.get("id")):
            raise ValueError(f"an image without id or file_name: {shorten(row)}")
        boxes, problems = [], []
        for annotation in annotations[row["id"]]:
            try:
                boxes.append(_read_box(annotation, names))
            except ValueError as error:
                problems.append(f"annotation {shorten(annotation.get('id'))} left out: {error}")
        yield AnnotatedImage(
            named=row["file_name"],
            boxes=tuple(boxes),
            beside=folder_below(path, root),
            size=read_size(row.get("width"), row.get("height")),
            split=split_of_file(path) or split_of_folder(row["file_name"]),
            problems=tuple(problems),
        )


def _read_box(row: Row, names: dict[Any, str]) -> Box:
    category, bbox = row.get("category_id"), row.get("bbox")
    if not _is_key(category) or category not in names:
        raise ValueError(f"no category {shorten(category)}")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ValueError("bbox needs x, y, width, height")
    left, top, width, height = (_number(value) for value in bbox)
    return box_from_corners(names[category], left, top, left + width, top + height)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shorten(value)} is no number")
    return float(value) if abs(value) < 1e12 else float("inf")
