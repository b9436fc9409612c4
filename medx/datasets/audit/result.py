"""What an audit found, as values: the table, the JSON and the page render these."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Instance(Value):
    """One place where a finding shows: the images concerned, and what sets them apart."""

    ids: list[str]
    detail: str = ""


class Finding(Value):
    """One thing that is, or may be, wrong."""

    check: str
    severity: Severity = Field(
        description="error: a leak, a conflict, an unreadable file; warning: look at it."
    )
    sentence: str
    count: int
    counts: dict[str, int] = Field(default_factory=dict)
    instances: list[Instance] = Field(default_factory=list)
    advice: str


class Count(Value):
    """How many images have a label, a split and a source; with several labels, once for each."""

    label: str | None
    split: str | None
    source: str | None
    images: int


class ClassFromAttribute(Value):
    """How well one class can be told from an attribute alone, no image seen."""

    label: str
    balanced_accuracy: float = Field(description="Of the best rule; 0.5 is chance.")
    typical: str = Field(description="The value most of this class has.")
    share_of_class: float = Field(description="Share of the class that has this value.")
    share_of_value: float = Field(description="Share of the images with this value in the class.")


class LabelAssociation(Value):
    """Whether the label follows something that is not disease."""

    attribute: str
    cramers_v: float = Field(description="Bias-corrected (Bergsma 2013), 0 to 1.")
    p_value: float = Field(description="Permutation test; whole groups are permuted.")
    permutations: int
    classes: list[ClassFromAttribute]


class SourceProbe(Value):
    """Whether a small model can tell the source from the image."""

    balanced_accuracy: Interval
    chance: float
    images: int
    sources: list[str]
    folds: int


class Audit(Value):
    """Everything ``medx data audit`` found."""

    schema_version: int = 1
    dataset: str
    synthetic: bool
    records: int
    readable: int
    splits: dict[str, int]
    counts: list[Count]
    sizes: dict[str, int] = Field(description="width×height → images, the 20 most common")
    smallest_size: str
    largest_size: str
    kinds: dict[str, int] = Field(description="format, stored type, colour → images")
    histograms: dict[str, dict[str, list[float]]] = Field(
        description="label, source, split → name → mean share of pixels in 64 grey levels"
    )
    associations: list[LabelAssociation]
    source_probe: SourceProbe | None
    findings: list[Finding]
    not_checked: list[str] = Field(description="What could not be looked at, and why.")
    disclaimer: str = DISCLAIMER

    def number(self, severity: Severity) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity == severity for finding in self.findings)
