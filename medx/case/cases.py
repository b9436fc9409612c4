"""An image with what was found out about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from medx.core.images import Pixels
from medx.core.values import HeatMap, Hit, Prediction
from reportgen.samples import SampleKind


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One image with what was found out about it.

    Args:
        id: Record id, or what the file is called where that names no patient.
        pixels: ``uint8`` ``(H, W)`` or ``(H, W, 3)`` as read.
        native_size: Height and width of the file in pixels.
        prediction: The classifier's.
        neighbours: The most similar images of the train split, once they were searched.
        index: Name and encoder of the index they were searched in.
        heatmap: Where the classifier found evidence for its label, once it was drawn.
        reference_label: The dataset's label, for choosing samples and for pages; never evidence.
        dataset: Name of the dataset the classifier and the gallery come from.
        modality: What kind of image the dataset says it holds.
        synthetic: True when the image was drawn, not taken.
        from_file: True when it is no record of the dataset.
        kind: Why it was chosen, for pages.
    """

    id: str
    pixels: Pixels
    native_size: tuple[int, int]
    prediction: Prediction
    reference_label: str | None
    dataset: str
    modality: str
    synthetic: bool
    from_file: bool = False
    neighbours: list[Hit] = field(default_factory=list)
    index: str = ""
    heatmap: HeatMap | None = None
    kind: SampleKind | None = None
