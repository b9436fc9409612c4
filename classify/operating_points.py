"""The threshold above which a two-class model says yes, chosen on val."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classify.config import OPERATING_POINTS


def choose_operating_point(
    positive: npt.NDArray[np.bool_], probs: npt.NDArray[np.floating], rule: str
) -> float:
    """Return the threshold on ``probs`` that maximises ``rule``.

    Between two neighbouring probabilities any threshold does the same; the middle of the widest
    stretch of equally good ones is taken, which leaves most room on both sides.

    Args:
        positive: Truth ``(N,)``.
        probs: Calibrated probability of the positive class ``(N,)``.
        rule: ``balanced_accuracy`` or ``f1``.

    Raises:
        ValueError: When the rule is unknown or one class is absent.
    """
    if rule not in OPERATING_POINTS:
        raise ValueError(f"rule must be one of {', '.join(OPERATING_POINTS)}, got {rule!r}")
    if positive.all() or not positive.any():
        raise ValueError("positive must hold both classes")
    values, inverse = np.unique(np.asarray(probs, np.float64), return_inverse=True)
    yes = np.bincount(inverse[positive], minlength=len(values))
    no = np.bincount(inverse[~positive], minlength=len(values))
    # Cut i calls values[i:] positive.
    true_positives = np.append(np.cumsum(yes[::-1])[::-1], 0)
    false_positives = np.append(np.cumsum(no[::-1])[::-1], 0)
    if rule == "f1":
        merit = 2 * true_positives / (true_positives + false_positives + yes.sum())
    else:
        merit = true_positives / yes.sum() - false_positives / no.sum()
    edges = np.concatenate([[0.0], values, [1.0]])
    first, last = _widest(np.flatnonzero(merit >= merit.max() - 1e-12), edges)
    low, high = float(edges[first]), float(edges[last])
    middle = (low + high) / 2
    return middle if middle > low else high  # neighbouring floats have no middle


def apply_operating_point(
    probs: npt.NDArray[np.floating], operating_point: float | None
) -> npt.NDArray[np.int64]:
    """Return class indices ``(N,)``: the second of two at or above the threshold, else the top.

    Args:
        probs: ``(N, C)``.
        operating_point: None takes the most probable class.
    """
    if operating_point is None:
        return np.asarray(probs.argmax(axis=1), np.int64)
    return (probs[:, 1] >= operating_point).astype(np.int64)


def _widest(cuts: npt.NDArray[np.intp], edges: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return the edges of the widest run of consecutive cuts; cut i lies between i and i + 1."""
    runs = np.split(cuts, np.flatnonzero(np.diff(cuts) > 1) + 1)
    spans = [(int(run[0]), int(run[-1]) + 1) for run in runs]
    return max(spans, key=lambda span: edges[span[1]] - edges[span[0]])
