"""What an export says of itself; ``export.json`` beside the exported file."""

from __future__ import annotations

from pydantic import Field

from classify.checkpoint import ModelDescription
from medx.core.settings import DISCLAIMER
from medx.core.values import Value


class ExportedFile(Value):
    """One file of an export."""

    name: str
    bytes: int
    sha256: str


class TensorDescription(Value):
    """An input or output of the exported graph."""

    name: str
    dtype: str
    shape: list[str | int] = Field(description="batch is any number of images from 1.")
    low: float = Field(description="Smallest value it takes.")
    high: float = Field(description="Largest value it takes.")
    meaning: str


class ConformalThresholds(Value):
    """The sets of classes that hold the truth as often as ``level`` says, for images like val."""

    level: float
    thresholds: dict[str, float] = Field(description="class → least probability to be in the set")


class Parity(Value):
    """How far the exported graph is from the model it was made from."""

    images: dict[str, int] = Field(description="Kind of pixels → how many were compared.")
    largest_difference: float = Field(description="Of any probability.")
    tolerance: float


class Speed(Value):
    """Images a second at one batch size; medians of repeated runs."""

    batch: int
    eager: float
    exported: float


class ExportResult(Value):
    """An exported classifier."""

    schema_version: int = 1
    run_dir: str
    classifier: str
    format: str
    files: list[ExportedFile]
    input: TensorDescription
    output: TensorDescription
    load_options: dict[str, str] = Field(description="What the runtime must be told.")
    model: ModelDescription = Field(description="The model.json that the graph was made from.")
    conformal: ConformalThresholds | None
    parity: Parity
    speed: list[Speed]
    threads: int
    packages: dict[str, str]
    disclaimer: str = DISCLAIMER
