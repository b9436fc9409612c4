"""What a classifier that knows nothing reaches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def chance_levels(target: npt.NDArray[np.int64], num_classes: int) -> dict[str, float]:
    """Return what the best constant answer reaches on these very images.

    Args:
        target: Class indices ``(N,)``.
        num_classes: How many classes there are.
    """
    share = np.bincount(target, minlength=num_classes) / len(target)
    present = share[share > 0]
    binary = num_classes == 2
    levels = {
        "auroc": 0.5,
        "auprc": float(share[1] if binary else present.mean()),
        "accuracy": float(share.max()),
        "balanced_accuracy": 1.0 / len(present),
        "brier": float(share[0] * share[1] if binary else 1.0 - (share**2).sum()),
        "nll": float(-(present * np.log(present)).sum()),
    }
    if binary:
        levels["f1"] = float(2 * share[1] / (1 + share[1]))
    return levels
