"""What the robustness test returns, prints and stores."""

from __future__ import annotations

from pydantic import Field

from classify.results import Skipped
from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value

Figures = dict[str, float | None]


class Corrupted(Value):
    """One corruption: figures by severity, their mean, and what of the clean figure is lost."""

    name: str
    unit: str
    strengths: list[float] = Field(description="One a severity.")
    by_severity: list[Figures] = Field(description="metric → figure, severity 1 to 5.")
    mean: dict[str, Interval | None] = Field(description="Over the severities.")
    relative_drop: Figures = Field(description="(clean - mean) / clean.")


class Robustness(Value):
    """A classifier on corrupted images; ``metrics.json`` of its folder."""

    schema_version: int = 1
    run_dir: str
    classifier: str
    trained_on: str
    dataset: str
    synthetic: bool
    split: str
    n: int
    size: int
    operating_point: float | None
    chance: dict[str, float] = Field(description="What one answer for every image reaches.")
    clean: dict[str, Interval | None]
    mean: dict[str, Interval | None] = Field(description="Over corruptions and severities.")
    relative_drop: Figures = Field(description="(clean - mean) / clean.")
    corruptions: list[Corrupted]
    seed: int
    bootstrap_resamples: int
    bootstrap_unit: str
    test_evaluations: int = Field(description="How often this model has met this test split.")
    notes: list[str] = Field(description="What changes how the figures should be read.")
    skipped: list[Skipped]
    figures: list[str]
    disclaimer: str = DISCLAIMER
