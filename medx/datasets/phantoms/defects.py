"""What goes wrong in collections of images, put in on purpose and told in ``truth.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value

TRUTH_FILE = "truth.json"
SMALLEST_MARKED = 64  # pixels; no letter is legible in less


class Duplicate(Value):
    """An image stored a second time."""

    id: str
    of: str
    change: str | None = Field(description="None when the pixels are equal.")


class FlippedLabel(Value):
    """A label of the manifest that is wrong."""

    id: str
    label: str
    true_label: str


class MarkedImage(Value):
    """An image with text burnt in; a near-duplicate has the box of what it copies."""

    id: str
    text: str
    box: tuple[int, int, int, int] = Field(description="x, y, width, height in pixels")


class Truth(Value):
    """What the manifest of a synthetic dataset does not say."""

    schema_version: int = 1
    synthetic: bool = True
    disclaimer: str = DISCLAIMER
    generator: str = Field(description="Name and version of what drew the images.")
    settings: Mapping[str, Any] = Field(description="Everything the images depend on.")
    duplicates: tuple[Duplicate, ...] = ()
    flipped_labels: tuple[FlippedLabel, ...] = ()
    marked: tuple[MarkedImage, ...] = ()
