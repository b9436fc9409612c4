"""Pascal VOC: one XML file an image, splits in ``ImageSets/Main``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from medx.datasets.importers.annotations import (
    annotation_files,
    folder_below,
    image_root,
    import_annotated,
    split_of_folder,
)
from medx.datasets.importers.base import Imported, ImportOptions, Skipped
from medx.datasets.importers.boxes import AnnotatedImage, box_from_corners, read_size
from medx.datasets.manifest import Box

#: An annotation of one image is never larger.
MAX_XML = 16 << 20


def import_voc(source: Path, options: ImportOptions) -> Imported:
    """Import images with boxes from Pascal VOC XML; entities are refused, never expanded.

    Raises:
        InputError: When there is no XML file or none of their images.
    """
    root = image_root(source, options)
    files = annotation_files(source, ".xml")
    splits = _read_splits(source)
    skipped: list[Skipped] = []
    found = list(_read_all(files, root, splits, skipped))
    return import_annotated(found, root, skipped=skipped)


def _read_all(
    files: list[Path], root: Path, splits: dict[str, str], skipped: list[Skipped]
) -> Iterator[AnnotatedImage]:
    for path in files:
        try:
            yield _read_one(path, root, splits)
        except (OSError, ValueError, LookupError, ParseError) as error:
            skipped.append((str(path.name), f"not a VOC annotation: {error}"))


def _read_one(path: Path, root: Path, splits: dict[str, str]) -> AnnotatedImage:
    if path.stat().st_size > MAX_XML:
        raise ValueError("too large")
    tree: Element = fromstring(path.read_bytes())
    if tree.tag != "annotation":
        raise ValueError(f"its root is <{tree.tag}>")
    # <path> is that of the machine it was drawn on; only the name means something here.
    named = PurePosixPath(_text(tree, "filename").replace("\\", "/")).name or path.stem
    boxes, problems = [], []
    for i, item in enumerate(tree.iter("object")):
        try:
            boxes.append(_read_box(item))
        except ValueError as error:
            problems.append(f"box {i} left out: {error}")
    return AnnotatedImage(
        named=named,
        boxes=tuple(boxes),
        beside=folder_below(path, root),
        size=read_size(_text(tree, "size/width"), _text(tree, "size/height")),
        split=splits.get(path.stem) or split_of_folder(path),
        problems=tuple(problems),
    )


def _read_box(item: Element) -> Box:
    corners: list[Any] = [
        _text(item, f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")
    ]
    return box_from_corners(_text(item, "name"), *corners)


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _read_splits(source: Path) -> dict[str, str]:
    """Return stem → split from ``ImageSets/Main/train.txt`` and so on, where there are any."""
    splits: dict[str, str] = {}
    if not source.is_dir():
        return splits
    for split in ("train", "val", "test"):
        for path in sorted(source.rglob(f"ImageSets/Main/{split}.txt")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if words := line.split():
                    splits[words[0]] = split
    return splits
