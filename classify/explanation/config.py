"""Settings of explanations and of the robustness test; light to import."""

from __future__ import annotations

from dataclasses import dataclass

#: Methods by name, in the order to try them; all but ``eigencam`` explain one class.
METHODS = ("gradcam", "gradcam++", "layercam", "hirescam", "scorecam", "eigencam")


@dataclass(frozen=True, kw_only=True)
class ExplainConfig:
    """What to explain and how.

    Args:
        run: Folder of a train run; None takes the latest of the dataset.
        dataset: Name or folder; None takes the one the run was trained on.
        input: An image file or a folder of images instead of a dataset.
        split: ``train``, ``val``, ``test`` or ``all``.
        limit: Use only the first N images.
        method: One of ``METHODS``.
        target: Explain this class only; None takes the predicted one, and on a labelled split
            each class in turn.
        per_outcome: Most pictures a class and outcome (true positive, …).
        sanity: Check that maps change when the weights are randomised (Adebayo et al. 2018).
        batch_size: Images at a time.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of the bootstrap and of the randomised weights.
        resamples: Bootstrap samples of the 95 % intervals.
    """

    run: str | None = None
    dataset: str | None = None
    input: str | None = None
    split: str = "val"
    limit: int | None = None
    method: str = "gradcam"
    target: str | None = None
    per_outcome: int = 4
    sanity: bool = False
    batch_size: int = 256
    device: str = "auto"
    seed: int = 0
    resamples: int = 1000

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        _check_counts(self, "per_outcome", "batch_size", "resamples", "limit")


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
        _check_counts(self, "batch_size", "resamples", "limit")


def _check_counts(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if name == "limit" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
