"""COCO: one JSON file for all images, with ``images``, ``annotations`` and ``categories``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medx.core.errors import InputError
from medx.datasets.importers.base import Imported, ImportOptions
from medx.datasets.importers.boxes import (
    AnnotatedImage,
    annotation_files,
    box_from_corners,
    folder_below,
    image_root,
    import_annotated,
    read_json,
    read_size,
    split_of,
)
from medx.datasets.manifest import Box

Row = dict[str, Any]


def import_coco(source: Path, options: ImportOptions) -> Imported:
    """Import the images of COCO files with their boxes; the split is in the file's name.

    Raises:
        InputError: When a file is no COCO file or none of its images is found.
    """
    root = image_root(source, options)
    found: list[AnnotatedImage] = []
    classes: dict[str, None] = {}
    for path in annotation_files(source, ".json"):
        loaded = read_json(path)
        names = _categories(loaded, path)
        classes.update(dict.fromkeys(names.values()))
        found += _read_images(loaded, names, path, root)
    return import_annotated(found, root, classes=classes)


def _categories(loaded: Any, path: Path) -> dict[Any, str]:
    return {
        row["id"]: " ".join(str(row["name"]).split())
        for row in _rows(loaded, "categories", path)
        if _is_key(row.get("id")) and isinstance(row.get("name"), str)
    }


def _rows(loaded: Any, key: str, path: Path) -> list[Row]:
    rows = loaded.get(key) if isinstance(loaded, dict) else None
    if not isinstance(rows, list):
        raise InputError(f"{path} is not a COCO file: it has no list of {key}")
    return [row for row in rows if isinstance(row, dict)]


def _is_key(value: Any) -> bool:
    return isinstance(value, int | str)


def _read_images(
    loaded: Any, names: dict[Any, str], path: Path, root: Path
) -> Iterator[AnnotatedImage]:
    annotations = defaultdict(list)
    for row in _rows(loaded, "annotations", path):
        if _is_key(row.get("image_id")):
            annotations[row["image_id"]].append(row)
    for row in _rows(loaded, "images", path):
        if not isinstance(row.get("file_name"), str) or not _is_key(row.get("id")):
            raise InputError(f"{path} has an image without id or file_name: {str(row)[:80]}")
        boxes, problems = [], []
        for annotation in annotations[row["id"]]:
            try:
                boxes.append(_read_box(annotation, names))
            except ValueError as error:
                problems.append(f"annotation {annotation.get('id')!r} left out: {error}")
        yield AnnotatedImage(
            named=row["file_name"],
            boxes=tuple(boxes),
            beside=folder_below(path, root),
            size=read_size(row.get("width"), row.get("height")),
            split=split_of(path) or split_of(row["file_name"]),
            problems=tuple(problems),
        )


def _read_box(row: Row, names: dict[Any, str]) -> Box:
    category, bbox = row.get("category_id"), row.get("bbox")
    if not _is_key(category) or category not in names:
        raise ValueError(f"no category {category!r}")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ValueError("bbox needs x, y, width, height")
    left, top, width, height = (_number(value) for value in bbox)
    return box_from_corners(names[category], left, top, left + width, top + height)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return float(value) if abs(value) < 1e12 else float("inf")
