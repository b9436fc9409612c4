"""Plain values that cross from one subsystem to another through the floor above."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """Base of every result that is validated, stored or printed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(Value):
    """A point estimate with its 95 % interval, and how that was made."""

    estimate: float
    low: float
    high: float
    method: str = "percentile bootstrap"

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Prediction(Value):
    """What a classifier says of one image.

    ``probabilities`` are calibrated and sum to 1; ``label`` applies ``operating_point`` to the
    positive class of a binary model and is the most probable class otherwise.
    """

    schema_version: int = 1
    id: str
    probabilities: dict[str, float]
    label: str
    operating_point: float | None = Field(
        description="Threshold on the positive class, chosen on val; None when multi-class."
    )
    classifier: str = Field(description="The run that made it.")

    @property
    def probability(self) -> float:
        """The calibrated probability of ``label``."""
        return self.probabilities[self.label]


class Hit(Value):
    """One neighbour: an indexed image and how similar it is to the query (cosine)."""

    rank: int
    id: str
    similarity: float
    label: str | None = None
    split: str | None = None
    path: str | None = None
    text: str | None = None


class HeatMap(Value):
    """Where a classifier found evidence for one class in one image.

    ``values`` is a ``float32`` array ``(H, W)``, 0 to 1, over the whole image; JSON leaves it out.
    """

    id: str
    label: str = Field(description="The class whose evidence it shows.")
    method: str
    classifier: str = Field(description="The run that made it.")
    peak: tuple[float, float] | None = Field(
        description="Where it is highest, as shares of width and height; None: no evidence."
    )
    zone: str | None = Field(
        description="The ninth of the image with the peak, as seen: in a frontal radiograph left "
        "is the patient's right; None: no evidence."
    )
    values: Any = Field(exclude=True, repr=False)
