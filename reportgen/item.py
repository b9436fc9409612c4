"""An image to report on."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medx.core.images import Pixels
from medx.core.values import HeatMap
from reportgen.evidence import Evidence
from reportgen.samples import SampleKind


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportItem:
    """Evidence and pixels for the engine, and what only the page shows.

    Args:
        pixels: ``uint8`` ``(H, W)`` or ``(H, W, 3)`` at native resolution.
        heatmap: The map that the evidence's H1 speaks of; pages and PDFs draw it.
        reference_label: The true label. Only the page shows it; no engine and no report gets it.
        kind: Why the image was chosen; only the page shows it.
    """

    evidence: Evidence
    pixels: Pixels
    heatmap: HeatMap | None = None
    reference_label: str | None = None
    kind: SampleKind | None = None

    @property
    def file_stem(self) -> str:
        """The image id as a safe file name; different ids give different names."""
        return file_stem(self.evidence.image_id)

    @cached_property
    def sha256(self) -> str:
        """Hex SHA-256 of shape and pixels."""
        return pixels_sha256(self.pixels)


def file_stem(image_id: str) -> str:
    """Return an id as a safe file name; different ids give different names."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", image_id).strip("._")[:80]
    if safe == image_id:
        return safe
    return f"{safe}-{hashlib.sha256(image_id.encode()).hexdigest()[:8]}"


def pixels_sha256(pixels: Pixels) -> str:
    """Return the hex SHA-256 of shape and pixels."""
    shape = "x".join(map(str, pixels.shape))
    return hashlib.sha256(shape.encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()
