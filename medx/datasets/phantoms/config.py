"""What a phantom dataset of chest radiographs holds: classes, centres, settings and defects."""

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
        size: Height and width in pixels, 16-4096. Anatomy does not change with it.
        seed: Non-negative seed.
        prevalence: Chance that an image's main finding is each of `FINDINGS`; a finding left out
            never occurs, and what is missing to 1 is the share of normal images.
        co_occurrence: Chance, 0-1, that an image with a finding shows a second, different one.
        centre_strength: How far the centres' exposure and processing differ: 0 not at all, 1 fully.
        images_per_patient: Mean number of images of one patient, 1-12; they share anatomy and
            centre.
        centre_label_bias: Chance, 0-1, that a finding decides the centre, so that a label is nearly
            a hospital; a patient's further images then show the same finding.
    """

    count: int = 1000
    size: int = 128
    seed: int = 0
    prevalence: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(FINDINGS, 0.1))
    co_occurrence: float = 0.0
    centre_strength: float = 1.0
    images_per_patient: float = 1.5
    centre_label_bias: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot be drawn."""
        _require(self.count >= 0, f"count must be >= 0, got {self.count}")
        _require(16 <= self.size <= 4096, f"size must be in 16-4096 pixels, got {self.size}")
        _require(self.seed >= 0, f"seed must be >= 0, got {self.seed}")
        _require(
            0 <= self.co_occurrence <= 1, f"co_occurrence must be in 0-1, got {self.co_occurrence}"
        )
        _require(
            0 <= self.centre_strength <= 1,
            f"centre_strength must be in 0-1, got {self.centre_strength}",
        )
        _require(
            0 <= self.centre_label_bias <= 1,
            f"centre_label_bias must be in 0-1, got {self.centre_label_bias}",
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

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that can occur, `normal` first."""
        second = self.co_occurrence > 0
        return NORMAL, *(name for name in FINDINGS if second or self.prevalence.get(name, 0.0) > 0)


@dataclass(frozen=True, kw_only=True)
class DefectConfig:
    """Shares, 0-1, of defects to put into a phantom dataset.

    Attributes:
        markers: Of images, with a letter or word burnt in at the border.
        duplicates: Of images, stored a second time under another id, pixels equal.
        near_duplicates: Of images, stored a second time slightly changed.
        across_splits: Put those second copies under another patient into another split.
        label_noise: Of labels, replaced by another class.
    """

    markers: float = 0.0
    duplicates: float = 0.0
    near_duplicates: float = 0.0
    across_splits: bool = False
    label_noise: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shares outside 0-1."""
        for name in ("markers", "duplicates", "near_duplicates", "label_noise"):
            share = getattr(self, name)
            _require(0 <= share <= 1, f"{name} must be in 0-1, got {share}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
