"""Pieces of an evaluation: figures with intervals, of the whole and of its parts."""

from __future__ import annotations

from pydantic import Field

from medx.core.values import Interval, Value

Measured = dict[str, Interval | None]


class MeasuredPoint(Value):
    """What one threshold on the positive class does."""

    name: str
    threshold: float
    metrics: Measured


class Subgroup(Value):
    """The images that share one value of a column."""

    column: str
    value: str
    n: int
    counts: dict[str, int] = Field(description="class → images")
    too_few: bool = Field(description="Too few images for a figure.")
    metrics: Measured = Field(description="Empty when too few.")


class ReliabilityBin(Value):
    """Images of like probability: what was said, and what came true."""

    n: int
    predicted: float
    observed: float


class Benefit(Value):
    """Net benefit at one threshold; acting on no image has 0."""

    threshold: float
    model: Interval
    treat_all: float
