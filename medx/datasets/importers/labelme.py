"""LabelMe: one JSON file an image, shapes of points."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from medx.core.errors import InputError
from medx.datasets.importers.annotations import (
    annotation_files,
    folder_below,
    image_root,
    import_annotated,
    read_json,
    split_of_folder,
)
from medx.datasets.importers.base import Imported, ImportOptions, Skipped
from medx.datasets.importers.boxes import AnnotatedImage, box_from_corners, read_size
from medx.datasets.manifest import Box


def import_labelme(source: Path, options: ImportOptions) -> Imported:
    """Import images whose LabelMe shapes become the boxes around them.

    Raises:
        InputError: When there is no LabelMe file or none of their images.
    """
    root = image_root(source, options)
    found, skipped = read_labelme_files(annotation_files(source, ".json"), root)
    return import_annotated(found, root, skipped=skipped)


def read_labelme_files(files: list[Path], root: Path) -> tuple[list[AnnotatedImage], list[Skipped]]:
    """Return the annotated images of LabelMe files, and the files that are none."""
    found: list[AnnotatedImage] = []
    skipped: list[Skipped] = []
    for path in files:
        try:
            found.append(_read_one(path, root))
        except (InputError, ValueError) as error:
            skipped.append((path.name, f"not a LabelMe annotation: {error}"))
    return found, skipped


def _read_one(path: Path, root: Path) -> AnnotatedImage:
    loaded = read_json(path)
    if not isinstance(loaded, dict) or not isinstance(loaded.get("shapes"), list):
        raise ValueError("it has no shapes")
    boxes, problems = [], []
    for i, shape in enumerate(loaded["shapes"]):
        try:
            boxes.append(_read_shape(shape))
        except ValueError as error:
            problems.append(f"shape {i} left out: {error}")
    named = loaded.get("imagePath")
    return AnnotatedImage(
        named=named if isinstance(named, str) and named else path.stem,
        boxes=tuple(boxes),
        beside=folder_below(path, root),
        size=read_size(loaded.get("imageWidth"), loaded.get("imageHeight")),
        split=split_of_folder(path),
        problems=tuple(problems),
    )


def _read_shape(shape: Any) -> Box:
    points = shape.get("points") if isinstance(shape, dict) else None
    if not isinstance(points, list) or not points:
        raise ValueError("it has no points")
    if any(not isinstance(point, list) or len(point) != 2 for point in points):
        raise ValueError("a point needs two numbers")
    # Each passes the box's own check, which refuses what is no coordinate.
    corners = [box_from_corners(shape.get("label"), x, y, x, y) for x, y in points]
    if shape.get("shape_type") == "circle" and len(corners) == 2:
        centre, edge = corners
        radius = math.hypot(centre.x - edge.x, centre.y - edge.y)
        return box_from_corners(
            centre.label, centre.x - radius, centre.y - radius,
            centre.x + radius, centre.y + radius,
        )  # fmt: skip
    xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
    return box_from_corners(corners[0].label, min(xs), min(ys), max(xs), max(ys))
