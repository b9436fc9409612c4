"""What the box formats share: numbers to boxes, and whether they can be right."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from medx.core.words import many
from medx.datasets.manifest import Box

#: No image has pixels beyond this.
FURTHEST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class AnnotatedImage:
    """One image as an annotation file describes it.

    Args:
        named: Path or name of the image, as the file gives it.
        beside: Folder of the annotation file below the root.
        size: Width and height when the file tells.
        problems: What could not be read of it, a line each.
    """

    named: str
    boxes: tuple[Box, ...]
    beside: str = ""
    size: tuple[int, int] | None = None
    split: str | None = None
    problems: tuple[str, ...] = ()


def box_from_corners(label: Any, left: Any, top: Any, right: Any, bottom: Any) -> Box:
    """Return a box of two corners in any order, in whole pixels.

    Raises:
        ValueError: When the label is no text or a corner no finite number.
    """
    x0, x1 = sorted((_pixel(left), _pixel(right)))
    y0, y1 = sorted((_pixel(top), _pixel(bottom)))
    return Box(label=read_label(label), x=x0, y=y0, width=x1 - x0, height=y1 - y0)


def _pixel(value: Any) -> int:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= FURTHEST:  # what is no number is not, either
        raise ValueError(f"{shorten(value)} is no coordinate")
    return round(number)


def shorten(value: Any) -> str:
    """Return a value as a message can show it, whatever a file puts there."""
    return reprlib.repr(value)


def read_label(value: Any) -> str:
    """Return a class name in one line; raise ``ValueError`` when the value is none."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(f"{shorten(value)} is no class")
    label = " ".join(str(value).split())
    label.encode()  # what no file can hold is no name
    if "|" in label:
        raise ValueError(f"{shorten(value)} is no class: | joins several")
    return label


def read_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Return the image size an annotation gives, or None when it is missing or nonsense."""
    try:
        size = _pixel(width), _pixel(height)
    except ValueError:
        return None
    return size if min(size) > 0 else None


class BoxSanity:
    """Counts boxes that cannot be right; they are kept, for the audit to show."""

    def __init__(self) -> None:
        self.flat = self.outside = 0

    def count(self, image: AnnotatedImage) -> None:
        """Take the boxes of one image into account."""
        for box in image.boxes:
            self.flat += box.width <= 0 or box.height <= 0
            right, bottom = box.x + box.width, box.y + box.height
            beyond = image.size is not None and (right > image.size[0] or bottom > image.size[1])
            self.outside += box.x < 0 or box.y < 0 or beyond

    def notes(self) -> Iterator[str]:
        """Say what was counted."""
        if self.flat:
            yield f"{many(self.flat, 'box has', 'boxes have')} no area; kept as given"
        if self.outside:
            reach = many(self.outside, "box reaches", "boxes reach")
            yield f"{reach} outside the image; kept as given"
