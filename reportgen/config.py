"""Settings of ``medx report generate``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What to report on, how to ask, and what writes.

    Args:
        dataset: A dataset name or folder; None takes the default dataset.
        limit: Look only at the first N records of the split.
        strategies: Names of prompt strategies; every one reports on the same images.
        num_samples: How many images.
        engine: ``auto``, ``medgemma`` or ``mock``.
        model: Hub id or local folder of the model; None takes whichever MedGemma is at hand.
        weights: Local folder that holds the weights of ``model``.
        seed: Seed of the choice of images.
        max_new_tokens: Tokens a report may take; None leaves it to strategy and model.
        run: Train run of the classifier; None takes the latest of the dataset.
        index: Index of the neighbours; None takes the dataset's.
        images: Names of the files reported on instead of the split.
    """

    dataset: str | None = None
    split: str = "test"
    limit: int | None = None
    strategies: tuple[str, ...] = ("structured",)
    num_samples: int = 10
    engine: str = "auto"
    model: str | None = None
    weights: str | None = None
    device: str = "auto"
    seed: int = 0
    max_new_tokens: int | None = None
    run: str | None = None
    index: str | None = None
    images: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("num_samples", "max_new_tokens", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")
        if not self.strategies:
            raise ValueError("strategies must name at least one strategy")
