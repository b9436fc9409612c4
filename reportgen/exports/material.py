"""What an exporter gets: the words, the pictures, and the study they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medx.core.images import Pixels
from medx.core.values import HeatMap
from reportgen.exports.document import ReportDocument

if TYPE_CHECKING:
    from reportgen.exports.study import Study


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Everything one export is made from.

    Args:
        document: The words.
        pixels: The image as the engine saw it, ``uint8`` ``(H, W)`` or ``(H, W, 3)``.
        heatmap: Where a classifier found evidence, over the whole image.
        study: The DICOM object that the image came from.
    """

    document: ReportDocument
    pixels: Pixels | None = None
    heatmap: HeatMap | None = None
    study: Study | None = None
