"""What an evaluation says: Precision@k with interval and chance level, by protocol and class."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value
from retrieval.encoders.base import Fingerprint

Task = Literal["image-to-image", "text-to-image"]
Protocol = Literal["leave-one-out", "train-gallery", "class-prompts"]


class PrecisionRow(Value):
    """One figure: P@k over all queries, over one class, or the unweighted mean over classes.

    ``top_k`` is None for the average precision over the whole ranking. ``chance`` is what randomly
    drawn hits would score; ``n`` counts the queries, or for text→image the gallery images that are
    relevant.
    """

    scope: Literal["all", "macro", "class"]
    label: str | None = None
    top_k: int | None
    precision: Interval
    chance: float
    n: int

    @property
    def metric(self) -> str:
        """Its usual name: ``P@k`` or ``AP``."""
        return "AP" if self.top_k is None else f"P@{self.top_k}"


class ProtocolResult(Value):
    """All figures of one protocol and what went into them."""

    task: Task
    protocol: Protocol
    split: str
    gallery_split: str
    queries: int
    gallery: int
    resampled: str = Field(description="What the bootstrap draws again.")
    excluded_duplicates: int = Field(
        default=0, description="Query-hit pairs left out because both have the very same pixels."
    )
    excluded_same_group: int = Field(
        default=0, description="Query-hit pairs left out because both are of one group (patient)."
    )
    unlabelled: int = Field(default=0, description="Images left out for want of a label.")
    prompts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    unknown_words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    unmeasured: tuple[str, ...] = Field(
        default=(), description="Classes left out: the encoder knows no word of their prompts."
    )
    rows: tuple[PrecisionRow, ...]
    average_precisions: tuple[PrecisionRow, ...] = Field(
        default=(), description="Over the whole ranking, one a class; only for text→image."
    )

    def row(self, top_k: int, *, scope: str = "all", label: str | None = None) -> PrecisionRow:
        """Return the figure of one k and scope."""
        for row in self.rows:
            if (row.scope, row.top_k, row.label) == (scope, top_k, label):
                return row
        raise ValueError(f"no row with top_k {top_k}, scope {scope!r}, label {label!r}")


class EvaluationResult(Value):
    """``metrics.json`` of ``medx retrieve evaluate``."""

    schema_version: int = 1
    index: str
    encoder: Fingerprint
    encoder_reason: str
    dataset: str
    synthetic: bool
    split: str
    seed: int
    seconds: float
    notes: tuple[str, ...] = ()
    protocols: tuple[ProtocolResult, ...]
    test_evaluations: int = Field(
        default=0, description="How often this encoder has met the dataset's test split so far."
    )
    run_dir: str | None = None
    disclaimer: str = DISCLAIMER
