"""Net benefit of acting on a probability (Vickers & Elkin 2006)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classify.evaluation.measured import Benefit
from medx.core.bootstrap import Bootstrap
from medx.core.statistics import percentile_interval

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]

THRESHOLDS = np.arange(5, 100, 5) / 100


def net_benefits(positive: Bools, probs: Floats, threshold: float) -> npt.NDArray[np.float64]:
    """Return each image's share in the net benefit ``(N,)``: right actions less the cost of wrong.

    Args:
        positive: Truth ``(N,)``.
        probs: ``(N,)``; at or above the threshold means acting.
        threshold: Probability in (0, 1) at which acting is just worth it; it sets how many wrong
            actions one right action is worth.
    """
    acted = probs >= threshold
    odds = threshold / (1 - threshold)
    return np.where(acted & positive, 1.0, 0.0) - odds * np.where(acted & ~positive, 1.0, 0.0)


def treat_all(prevalence: float, threshold: float) -> float:
    """Return the net benefit of acting on every image; acting on none has 0."""
    return prevalence - (1 - prevalence) * threshold / (1 - threshold)


def decision_curve(positive: Bools, probs: Floats, how: Bootstrap) -> list[Benefit]:
    """Return net benefit by threshold with intervals, beside acting on all images."""
    shares = np.stack([net_benefits(positive, probs, t) for t in THRESHOLDS], axis=1)
    table = shares.astype(np.float32)
    samples = [w @ table / w.sum(axis=1, keepdims=True) for w in how.weights(len(positive))]
    drawn, prevalence = np.concatenate(samples), float(positive.mean())
    found = []
    for i, threshold in enumerate(THRESHOLDS.tolist()):
        interval = percentile_interval(float(shares[:, i].mean()), drawn[:, i])
        if interval is not None:
            all_of_them = treat_all(prevalence, threshold)
            found.append(Benefit(threshold=threshold, model=interval, treat_all=all_of_them))
    return found
