"""Noise, with a brighter square somewhere in it or without; boxes say where."""

from __future__ import annotations

import numpy as np

from medx.core.images import image_from_array
from medx.datasets.manifest import Box, Dataset, Record

SIZE, SQUARE = 32, 8
CLASSES = ("empty", "square")


def draw(label: str, rng: np.random.Generator) -> tuple[np.ndarray, tuple[Box, ...]]:
    """Draw one image and the box of its square."""
    pixels = rng.integers(0, 120, (SIZE, SIZE))
    if label == CLASSES[0]:
        return pixels.astype(np.uint8), ()
    x, y = (int(v) for v in rng.integers(0, SIZE - SQUARE, 2))
    pixels[y : y + SQUARE, x : x + SQUARE] += 110
    box = Box(label=label, x=x, y=y, width=SQUARE, height=SQUARE)
    return pixels.astype(np.uint8), (box,)


def make_squares(count: int = 40) -> Dataset:
    """Return ``count`` images of each class in each split."""
    rng = np.random.default_rng(0)
    images, records = {}, []
    for split in ("train", "val", "test"):
        for i in range(2 * count):
            label, name = CLASSES[i % 2], f"{split}-{i:03d}"
            images[name], boxes = draw(label, rng)
            records.append(Record(id=name, path=name, label=label, split=split, boxes=boxes))
    return Dataset(
        name="squares",
        records=tuple(records),
        classes=CLASSES,
        location="memory",
        reader=lambda record: image_from_array(images[record.path]),
        synthetic=True,
    )
