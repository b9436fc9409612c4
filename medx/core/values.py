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
    conformal_set: list[str] | None = Field(
        default=None, description="Classes that hold the truth as often as the level says."
    )
    conformal_level: float | None = None
    ood_score: float | None = Field(
        default=None, description="How unlike the training images; above 1 is flagged."
    )
    out_of_distribution: bool | None = Field(
        default=None, description="None where it was not looked at."
    )
    abstain: bool | None = Field(
        default=None, description="True where a person should decide; None: not looked at."
    )
    abstain_reasons: list[str] = Field(default_factory=list)
    shifted_probabilities: dict[str, float] | None = Field(
        default=None, description="Under the mix of classes estimated for these images."
    )
    shifted_label: str | None = Field(
        default=None, description="The most probable class under that mix."
    )

    @property
    def probability(self) -> float:
        """The calibrated probability of ``label``."""
        return self.probabilities[self.label]

    def top(self, top_k: int) -> list[tuple[str, float]]:
        """Return the ``top_k`` most probable classes with their probabilities."""
        return sorted(self.probabilities.items(), key=lambda item: -item[1])[:top_k]


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
