"""BTXRD: a sheet with a row an image, LabelMe files for those with a tumour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from medx.core.errors import InputError
from medx.datasets.importers.annotations import annotation_files
from medx.datasets.importers.base import Imported, ImportOptions, Skipped, with_unique_ids
from medx.datasets.importers.boxes import AnnotatedImage, BoxSanity
from medx.datasets.importers.images import ImageFinder
from medx.datasets.importers.labelme import read_labelme_files
from medx.datasets.importers.sheets import Row, read_sheet
from medx.datasets.manifest import Box, Record

SHEETS = ("dataset.xlsx", "dataset.csv")
SITES = (
    "hand", "ulna", "radius", "humerus", "foot", "tibia", "fibula", "femur", "hip bone",
    "ankle-joint", "knee-joint", "hip-joint", "wrist-joint", "elbow-joint", "shoulder-joint",
)  # fmt: skip
VIEWS = ("frontal", "lateral", "oblique")
SUBTYPES = (
    "osteochondroma", "multiple osteochondromas", "simple bone cyst", "giant cell tumor",
    "osteofibroma", "synovial osteochondroma", "other bt", "osteosarcoma", "other mt",
)  # fmt: skip


def import_btxrd(source: Path, options: ImportOptions) -> Imported:
    """Import radiographs: normal, benign or malignant; the centre is the source.

    The publisher gives no patient: views of one patient cannot be kept together.

    Raises:
        InputError: When the sheet or the images are missing.
    """
    sheet = _find_sheet(source)
    root = options.images or sheet.parent
    columns, rows = read_sheet(sheet)
    rows = {n: {name.lower(): word for name, word in row.items()} for n, row in rows.items()}
    missing = {"image_id", "center", "benign", "malignant"} - {name.lower() for name in columns}
    if missing:
        raise InputError(f"{sheet} lacks the columns {', '.join(sorted(missing))}")
    finder = ImageFinder(root)
    boxes, skipped, notes = _read_boxes(sheet.parent, root)
    records = list(_records(rows, finder, boxes, skipped))
    if not records:
        raise InputError(f"none of the images of {sheet} was found below {root}")
    return Imported(
        name="btxrd",
        records=with_unique_ids(records),
        root=root,
        classes=("normal", "benign", "malignant"),
        skipped=tuple(skipped),
        notes=(*notes, "btxrd names no patients: views of one cannot be kept together"),
    )


def _find_sheet(source: Path) -> Path:
    if source.is_file():
        return source
    for pattern in (*SHEETS, *(f"*/{name}" for name in SHEETS)):
        if found := sorted(source.glob(pattern)):
            return found[0]
    raise InputError(f"no {' or '.join(SHEETS)} in {source}")


def _read_boxes(
    folder: Path, root: Path
) -> tuple[dict[str, tuple[Box, ...]], list[Skipped], list[str]]:
    """Return the boxes of each image by its file name."""
    annotations = next(
        (p for p in sorted(folder.iterdir()) if p.name.lower() == "annotations"), None
    )
    if annotations is None:
        return {}, [], ["no Annotations folder: imported without boxes"]
    found, skipped = read_labelme_files(annotation_files(annotations, ".json"), root)
    sanity = BoxSanity()
    for image in found:
        sanity.count(image)
        skipped += [(image.named, problem) for problem in image.problems]
    return {_stem(image): _without_outlines(image) for image in found}, skipped, [*sanity.notes()]


def _stem(image: AnnotatedImage) -> str:
    return PurePosixPath(image.named.replace("\\", "/")).stem


def _without_outlines(image: AnnotatedImage) -> tuple[Box, ...]:
    """Return one box a tumour: each is drawn twice, as a rectangle and as an outline.

    The publisher draws rectangles first and outlines after; an outline lies in its rectangle.
    """
    kept: list[Box] = []
    for box in image.boxes:
        if not any(box.label == other.label and _is_twin(box, other) for other in kept):
            kept.append(box)
    return tuple(kept)


def _is_twin(box: Box, other: Box) -> bool:
    """Return True when two boxes share more than half of the area of both together."""
    across = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
    down = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
    shared = max(across, 0) * max(down, 0)
    total = box.width * box.height + other.width * other.height - shared
    return shared > total / 2


def _records(
    rows: Mapping[int, Row],
    finder: ImageFinder,
    boxes: dict[str, tuple[Box, ...]],
    skipped: list[Skipped],
) -> Iterable[Record]:
    for number, row in rows.items():
        named = row.get("image_id", "")
        try:
            path = finder.find(named, beside="images")
        except LookupError as error:
            skipped.append((named, f"row {number}: {error}"))
            continue
        yield Record(
            id=path,
            path=path,
            label=_label(row),
            source=f"centre {row['center']}" if row.get("center") else None,
            boxes=boxes.get(PurePosixPath(path).stem, ()),
            extra=_extra(row),
        )


def _label(row: Row) -> str:
    if row.get("malignant") == "1":
        return "malignant"
    return "benign" if row.get("benign") == "1" else "normal"


def _extra(row: Row) -> dict[str, str]:
    groups = {"site": SITES, "view": VIEWS, "subtype": SUBTYPES}
    found = {key: "|".join(n for n in names if row.get(n) == "1") for key, names in groups.items()}
    found |= {key: row.get(key, "") for key in ("age", "gender")}
    return {key: word for key, word in found.items() if word}
