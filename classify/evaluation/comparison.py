"""What putting train runs and datasets side by side finds."""

from __future__ import annotations

from pydantic import Field

from classify.evaluation.measured import Measured
from classify.results import Skipped
from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value


class ComparedRun(Value):
    """One run on one dataset, at the operating point of the run."""

    classifier: str
    trained_on: str
    dataset: str = Field(description="Its name, and which one where several share it.")
    synthetic: bool
    split: str
    n: int
    classes: list[str]
    absent: list[str] = Field(description="Classes of the classifier that the dataset lacks.")
    left_out: dict[str, int] = Field(description="Classes unknown to the classifier → images.")
    operating_point: float | None
    metrics: Measured
    chance: dict[str, float] = Field(description="What one answer for every image reaches.")
    unit: str = Field(description="What was resampled: image or patient.")
    test_evaluations: int
    skipped: list[Skipped]


class Gap(Value):
    """What a run reaches in one place less what it reaches in another; below 0 is a loss."""

    classifier: str
    start: str
    end: str
    left_out: list[str] = Field(description="Classes that only one of the two holds.")
    metrics: dict[str, Interval | None]


class PairedTest(Value):
    """Two runs on the same images; a difference above 0 favours the second."""

    dataset: str
    first: str
    second: str
    statistic: str
    n: int
    difference: Interval
    p_value: float
    p_adjusted: float = Field(description="By Holm (1979), over all tests of the comparison.")
    method: str
    only_first: int | None = Field(description="Images that the first alone got right.")
    only_second: int | None = Field(description="Images that the second alone got right.")


class Comparison(Value):
    """Runs × datasets, gaps and tests; ``metrics.json`` of its folder."""

    schema_version: int = 2
    run_dir: str
    page: str = Field(description="The same with pictures, as HTML.")
    split: str
    shown: list[str] = Field(description="Metrics of the table.")
    rows: list[ComparedRun]
    gaps: list[Gap]
    tests: list[PairedTest]
    notes: list[str]
    bootstrap_resamples: int
    bootstrap_seed: int
    figures: dict[str, str] = Field(description="file → what it shows")
    disclaimer: str = DISCLAIMER
