"""Settings of ``medx report evaluate`` and ``medx report compare``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What is measured, against what, and how intervals are made.

    Args:
        runs: Folders or names of finished runs of ``medx report generate``.
        dataset: Where labels and reference reports come from; None takes that of the runs.
        labels: CSV file with ``id`` and ``label`` that is read instead of the dataset's labels.
        references: CSV file with ``id`` and ``text``, or a folder of ``<id>.txt``, that is read
            instead of the dataset's reports.
        column: Column of the manifest with the reference reports; None takes ``report``, and
            ``text`` where there is none.
        scorers: External measures as ``NAME=COMMAND``.
        scorer_timeout: Seconds a command may take.
        shared: Measure only the images that every run reported on.
        resamples: Bootstrap samples.
        seed: Of resampling and of the shuffled reports.
        worst: Most images to show on the page.
    """

    runs: tuple[str, ...] = ()
    dataset: str | None = None
    labels: str | None = None
    references: str | None = None
    column: str | None = None
    scorers: tuple[str, ...] = ()
    scorer_timeout: float = 600.0
    shared: bool = False
    resamples: int = 1000
    seed: int = 0
    worst: int = 12

    def __post_init__(self) -> None:
        for name, least in (("resamples", 1), ("seed", 0), ("worst", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be >= {least}, got {getattr(self, name)}")
        if not self.scorer_timeout > 0:
            raise ValueError(f"scorer_timeout must be above 0, got {self.scorer_timeout}")
