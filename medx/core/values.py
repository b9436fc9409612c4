"""Plain values that cross from one subsystem to another through the floor above."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """Base of every result that is validated, stored or printed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(Value):
    """A point estimate with its bootstrap 95 % interval."""

    estimate: float
    low: float
    high: float

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
