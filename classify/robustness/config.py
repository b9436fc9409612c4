"""Settings of the robustness test; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from classify.setting_checks import check_integer


@dataclass(frozen=True, kw_only=True)
class RobustnessConfig:
    """What to corrupt and how sure to be of the result.

    Args:
        run: Folder of a train run; None takes the latest of the dataset.
        dataset: Name or folder; None takes the one the run was trained on.
        split: ``train``, ``val``, ``test`` or ``all``.
        limit: Use only the first N images.
        batch_size: Images at a time.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of noise, signs and the bootstrap.
        resamples: Bootstrap samples of the 95 % intervals.
    """

    run: str | None = None
    dataset: str | None = None
    split: str = "val"
    limit: int | None = None
    batch_size: int = 256
    device: str = "auto"
    seed: int = 0
    resamples: int = 1000

    def __post_init__(self) -> None:
        for name in ("batch_size", "resamples"):
            check_integer(self, name, low=1)
        check_integer(self, "limit", low=1, optional=True)
