"""Annotation files: finding them, reading them, and turning what they say into records."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from medx.core.errors import InputError
from medx.datasets.importers.base import (
    Imported,
    ImportOptions,
    Skipped,
    label_of_boxes,
    with_unique_ids,
)
from medx.datasets.importers.boxes import AnnotatedImage, BoxSanity
from medx.datasets.importers.folder import SPLIT_NAMES
from medx.datasets.importers.images import ImageFinder
from medx.datasets.manifest import Record

#: Larger annotation files are refused: parsed, they would fill the memory.
MAX_ANNOTATIONS = 512 << 20


def read_json(path: Path) -> Any:
    """Return the value in a JSON file.

    Raises:
        InputError: When it is too large or no JSON.
    """
    try:
        if path.stat().st_size > MAX_ANNOTATIONS:
            raise InputError(f"{path} is too large to be annotations")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error


def read_json_files(source: Path, skipped: list[Skipped]) -> Iterator[tuple[Path, Any]]:
    """Yield the JSON files of a source with what is in them; the damaged go to ``skipped``."""
    for path in annotation_files(source, ".json"):
        try:
            loaded = read_json(path)
        except InputError as error:
            if source.is_file():
                raise
            skipped.append((path.name, str(error)))
            continue
        yield path, loaded


def annotation_files(source: Path, suffix: str) -> list[Path]:
    """Return the files of a suffix below ``source``, sorted, or ``source`` itself.

    Raises:
        InputError: When there is none.
    """
    if source.is_file():
        return [source]
    found = sorted(
        Path(folder, name)
        for folder, _, names in os.walk(source)
        for name in names
        if name.lower().endswith(suffix) and not name.startswith(".")
    )
    if not found:
        raise InputError(f"no {suffix} file in {source}", hint="check the path and --format")
    return found


def image_root(source: Path, options: ImportOptions) -> Path:
    """Return the folder image paths start from: ``--images``, or the source's own.

    Raises:
        InputError: When ``--images`` is no folder.
    """
    if options.images is not None:
        if not options.images.is_dir():
            raise InputError(f"no such folder: {options.images}", hint="check --images")
        return options.images
    if source.is_dir():
        return source
    # Annotations often have a folder of their own beside that of the images.
    above = source.parent.name.lower() in {"annotations", "labels", "ann"}
    return source.parent.parent if above else source.parent


def folder_below(path: Path, root: Path) -> str:
    """Return the folder of an annotation relative to the image root, or nothing when outside."""
    try:
        return path.parent.relative_to(root).as_posix()
    except ValueError:
        return ""


def split_of_folder(path: Path | str) -> str | None:
    """Return the split that the folder of a file stands for."""
    return SPLIT_NAMES.get(PurePosixPath(path).parent.name.lower())


def split_of_file(path: Path) -> str | None:
    """Return the split that a word of an annotation file's name, or its folder, stands for."""
    words = (word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", path.stem.lower()))
    return next((SPLIT_NAMES[w] for w in words if w in SPLIT_NAMES), split_of_folder(path))


def import_annotated(
    found: Iterable[AnnotatedImage],
    root: Path,
    *,
    classes: Iterable[str] = (),
    skipped: Iterable[Skipped] = (),
) -> Imported:
    """Return the records of annotated images whose file is below ``root``.

    Args:
        found: Images; one that comes twice gets the boxes of both.
        root: Folder the image paths start from.
        classes: The order of classes, where the format has one; others follow by name.
        skipped: What was left out before.

    Raises:
        InputError: When no image is left.
    """
    finder, sanity = ImageFinder(root), BoxSanity()
    records: dict[str, Record] = {}
    left_out = list(skipped)
    for image in found:
        try:
            path = finder.find(image.named, beside=image.beside)
        except LookupError as error:
            left_out.append((image.named, str(error)))
            continue
        left_out += [(path, problem) for problem in image.problems]
        sanity.count(image)
        known = records.get(path, Record(id=path, path=path, split=image.split))
        records[path] = replace(known, boxes=(*known.boxes, *image.boxes))
    if not records:
        first = f"; first: {': '.join(left_out[0])}" if left_out else ""
        raise InputError(
            f"none of the annotated images was found below {root}{first}",
            hint="name their folder with --images",
        )
    used = {box.label for record in records.values() for box in record.boxes}
    ordered = tuple(dict.fromkeys((*classes, *sorted(used))))
    labelled = (replace(r, label=label_of_boxes(r, ordered)) for r in records.values())
    return Imported(
        name=root.resolve().name,
        records=with_unique_ids(labelled),
        root=root,
        classes=ordered,
        labels_from_boxes=True,
        skipped=tuple(left_out),
        notes=tuple(sanity.notes()),
    )
