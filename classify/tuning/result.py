"""What a sweep found; ``metrics.json`` of its folder."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value


class Trial(Value):
    """One training of a sweep."""

    run_dir: str = Field(description="Below the folder of the sweep.")
    fold: int | None
    seed: int
    value: float | None = Field(description="Of the selection, on val; None when it failed.")
    low: float | None = Field(description="95 % bootstrap interval over the images of val.")
    high: float | None
    error: str | None


class Tried(Value):
    """One combination of settings and what its trainings reached."""

    rank: int = Field(description="1 is best; those with a failed training come last.")
    settings: dict[str, Any]
    mean: float | None
    sd: float | None = Field(description="Over folds and seeds; None for one training.")
    low: float | None = Field(
        description="95 %: bootstrap of val for one training, Student's t over several."
    )
    high: float | None
    trials: list[Trial]


class SweepResult(Value):
    """A sweep over training settings."""

    schema_version: int = 1
    run_dir: str
    dataset: str
    synthetic: bool
    select: str
    higher_is_better: bool
    folds: int | None
    seeds: int
    leaderboard: list[Tried]
    best: dict[str, Any]
    indistinct: int = Field(description="Others whose mean lies in the interval of the best.")
    recipe: str = Field(description="The best as a file for --recipe.")
    selection: str
    seconds: float
    figures: list[str]
    disclaimer: str = DISCLAIMER
