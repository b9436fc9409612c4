"""A case as it leaves the workbench: the result, and the pictures that its JSON leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medx.case.results import CaseResult
from medx.core.images import Pixels
from medx.core.values import HeatMap


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """Everything pages and exports of one case are made from.

    Args:
        result: The facts.
        pixels: The image as read, ``uint8`` ``(H, W)`` or ``(H, W, 3)``.
        heatmap: Where the classifier found evidence for its label.
        pictures: Pixels of the neighbours by id, as far as they can still be read.
    """

    result: CaseResult
    pixels: Pixels
    heatmap: HeatMap | None
    pictures: Mapping[str, Pixels]
