"""Miniature copies of the layouts that publishers ship."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image as PILImage


def write_image(path: Path, *, size: tuple[int, int] = (40, 30), seed: int | None = None) -> Path:
    """Write a noisy picture of a width and height; no two paths give the same pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(sum(str(path.name).encode()) if seed is None else seed)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(path)
    return path


def write_folders(root: Path, *paths: str) -> Path:
    """Write a picture at each path below ``root``."""
    for path in paths:
        write_image(root / path)
    return root


VOC = """<annotation><folder>JPEGImages</folder><filename>{filename}</filename>
<path>/home/someone/{filename}</path>
<size><width>40</width><height>30</height><depth>3</depth></size>{objects}</annotation>"""
VOC_OBJECT = """<object><name>{}</name><difficult>0</difficult><bndbox>
<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"""


def voc_text(filename: str, *boxes: tuple) -> str:
    """Return a VOC annotation; each box is label, xmin, ymin, xmax, ymax."""
    objects = "".join(VOC_OBJECT.format(*box) for box in boxes)
    return VOC.format(filename=filename, objects=objects)


def write_voc(
    root: Path, boxes: dict[str, list[tuple]], *, images="JPEGImages", xml="Annotations"
) -> Path:
    """Write pictures and their annotations, by file name."""
    (root / xml).mkdir(parents=True, exist_ok=True)
    for name, found in boxes.items():
        write_image(root / images / name)
        (root / xml / f"{Path(name).stem}.xml").write_text(voc_text(name, *found))
    return root


def coco_value(boxes: dict[str, list[tuple]], categories: list[str]) -> dict:
    """Return a COCO file; each box is category, x, y, width, height."""
    rows = [(i, box) for i, found in enumerate(boxes.values()) for box in found]
    return {
        "images": [
            {"id": i, "file_name": name, "width": 40, "height": 30} for i, name in enumerate(boxes)
        ],
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(categories)],
        "annotations": [
            {
                "id": n,
                "image_id": i,
                "category_id": categories.index(box[0]) + 1,
                "bbox": [*box[1:]],
            }
            for n, (i, box) in enumerate(rows)
        ],
    }


def write_coco(root: Path, boxes: dict[str, list[tuple]], categories: list[str], name: str) -> Path:
    """Write pictures below ``images`` and one COCO file below ``annotations``."""
    for image in boxes:
        write_image(root / "images" / image)
    (root / "annotations").mkdir(exist_ok=True)
    path = root / "annotations" / name
    path.write_text(json.dumps(coco_value(boxes, categories)))
    return path


def labelme_value(image: str, *shapes: tuple) -> dict:
    """Return a LabelMe file; each shape is label, type, points."""
    return {
        "version": "5.0.1",
        "flags": {},
        "shapes": [
            {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}}
            for label, kind, points in shapes
        ],
        "imagePath": image,
        "imageData": None,
        "imageHeight": 30,
        "imageWidth": 40,
    }


def bbbc041_value(boxes: dict[str, list[tuple]]) -> list[dict]:
    """Return a BBBC041 file; each box is category, left, top, right, bottom."""
    return [
        {
            "image": {
                "checksum": "0" * 32,
                "pathname": f"/images/{name}",
                "shape": {"r": 30, "c": 40, "channels": 3},
            },
            "objects": [
                {
                    "bounding_box": {
                        "minimum": {"r": top, "c": left},
                        "maximum": {"r": bottom, "c": right},
                    },
                    "category": category,
                }
                for category, left, top, right, bottom in found
            ],
        }
        for name, found in boxes.items()
    ]


def write_bbbc041(root: Path) -> Path:
    """Write the Broad Institute's layout: five fields, all seven categories."""
    train = {
        "a.png": [("red blood cell", 2, 3, 12, 13), ("ring", 15, 3, 25, 13)],
        "b.png": [("red blood cell", 2, 3, 12, 13), ("trophozoite", 15, 3, 25, 13)],
        "c.png": [("leukocyte", 5, 5, 20, 20), ("schizont", 20, 10, 30, 20)],
        "d.png": [("leukocyte", 5, 5, 20, 20)],
    }
    test = {"e.jpg": [("gametocyte", 1, 2, 9, 12), ("difficult", 20, 10, 30, 20)]}
    folder = root / "malaria"
    for name in (*train, *test):
        write_image(folder / "images" / name)
    (folder / "training.json").write_text(json.dumps(bbbc041_value(train)))
    (folder / "test.json").write_text(json.dumps(bbbc041_value(test)))
    return root


BTXRD_COLUMNS = [
    "image_id", "center", "age", "gender", "hand", "femur", "tumor", "benign", "malignant",
    "osteochondroma", "osteosarcoma", "frontal", "lateral", "oblique",
]  # fmt: skip
BTXRD_ROWS = [
    ["IMG000001.jpeg", 1, 14, "M", 0, 1, 1, 1, 0, 1, 0, 1, 0, 0],
    ["IMG000002.jpeg", 2, 17, "F", 1, 0, 1, 0, 1, 0, 1, 0, 1, 0],
    ["IMG000003.jpg", 3, 50, "M", 0, 1, 0, 0, 0, 0, 0, 1, 0, 0],
]


def write_btxrd(root: Path, *, sheet: str = "dataset.xlsx") -> Path:
    """Write the publisher's layout: three radiographs of three centres, two with a tumour."""
    for row in BTXRD_ROWS:
        write_image(root / "images" / str(row[0]))
    (root / "Annotations").mkdir()
    square = [[5.2, 6.1], [15.4, 16.2]]
    outline = [[5.2, 6.1], [15.4, 6.1], [15.4, 16.2], [5.2, 16.2]]
    for name, label in (("IMG000001", "osteochondroma"), ("IMG000002", "osteosarcoma")):
        shapes = ((label, "rectangle", square), (label, "polygon", outline))
        value = labelme_value(f"{name}.jpeg", *shapes)
        (root / "Annotations" / f"{name}.json").write_text(json.dumps(value))
    if sheet.endswith(".csv"):
        lines = [",".join(map(str, row)) for row in (BTXRD_COLUMNS, *BTXRD_ROWS)]
        (root / sheet).write_text("\n".join(lines) + "\n")
        return root
    from openpyxl import Workbook

    workbook = Workbook()
    for row in (BTXRD_COLUMNS, *BTXRD_ROWS):
        workbook.active.append(row)
    workbook.save(root / sheet)
    return root
