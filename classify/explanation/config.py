"""Settings of explanations; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from classify.setting_checks import check_choice, check_integer
from medx.core.extras import require_packages

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
        check_choice(self, "method", METHODS)
        for name in ("per_outcome", "batch_size", "resamples"):
            check_integer(self, name, low=1)
        check_integer(self, "limit", low=1, optional=True)


def check_installed() -> None:
    """Raise ``MissingExtraError`` unless pytorch-grad-cam, which draws the maps, is installed."""
    require_packages("explain", "explain", ["pytorch_grad_cam"])
