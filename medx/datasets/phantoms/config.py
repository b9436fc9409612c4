"""What a phantom dataset of chest radiographs holds: classes, virtual centres and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DISCLAIMER = "synthetic images drawn by medx, not patient data"
FINDINGS: tuple[str, ...] = (
    "consolidation",
    "pleural effusion",
    "pneumothorax",
    "cardiomegaly",
    "nodule",
    "interstitial opacity",
)
NORMAL = "normal"
CENTRES: tuple[str, ...] = ("centre-A", "centre-B", "centre-C", "centre-D")


@dataclass(frozen=True, kw_only=True)
class PhantomConfig:
    """Settings of one phantom dataset; an image depends on all but `count`, and on its index.

    Attributes:
        count: Number of images.
        size: Height and width in pixels, 16 or more. Anatomy does not change with it.
        seed: Non-negative seed.
        prevalence: Chance that an image's main finding is each of `FINDINGS`; a finding left out
            never occurs, and what is missing to 1 is the share of normal images.
        co_occurrence: Chance, 0-1, that an image with a finding shows a second, different one.
        centre_strength: How far the centres' exposure and processing differ: 0 not at all, 1 fully.
        images_per_patient: Mean number of images of one patient, 1-12; they share anatomy and
            centre.
    """

    count: int = 1000
    size: int = 128
    seed: int = 0
    prevalence: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(FINDINGS, 0.1))
    co_occurrence: float = 0.0
    centre_strength: float = 1.0
    images_per_patient: float = 1.5

    def __post_init__(self) -> None:
        """Refuse settings that cannot be drawn."""
        _require(self.count >= 0, f"count must be >= 0, got {self.count}")
        _require(self.size >= 16, f"size must be >= 16 pixels, got {self.size}")
        _require(self.seed >= 0, f"seed must be >= 0, got {self.seed}")
        _require(
            0 <= self.co_occurrence <= 1, f"co_occurrence must be in 0-1, got {self.co_occurrence}"
        )
        _require(
            0 <= self.centre_strength <= 1,
            f"centre_strength must be in 0-1, got {self.centre_strength}",
        )
        _require(
            1 <= self.images_per_patient <= 12,
            f"images_per_patient must be in 1-12, got {self.images_per_patient}",
        )
        unknown = sorted(set(self.prevalence) - set(FINDINGS))
        _require(
            not unknown,
            f"prevalence must name only {', '.join(FINDINGS)}, got {', '.join(unknown)}",
        )
        _require(
            min(self.prevalence.values(), default=0.0) >= 0,
            "prevalence must be >= 0 for every finding",
        )
        total = sum(self.prevalence.values())
        _require(total <= 1 + 1e-9, f"prevalence must sum to <= 1, got {total:g}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
