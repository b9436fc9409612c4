"""AUROC and AUPRC, and the curves they are the areas of; ties count half or fall together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]


class Ranking:
    """Images in the order of their scores, sorted once for any number of resamples.

    Args:
        positive: Truth ``(N,)``.
        scores: ``(N,)``.
    """

    def __init__(self, positive: Bools, scores: Floats) -> None:
        self.order = np.argsort(-scores, kind="stable")
        falling = scores[self.order]
        self.positive = positive[self.order].astype(np.float32)
        self.starts = np.flatnonzero(np.append(True, falling[1:] != falling[:-1]))

    def areas(self, weights: npt.NDArray[np.float32]) -> tuple[Doubles, Doubles]:
        """Return AUROC and average precision ``(R,)``, NaN where undefined.

        Args:
            weights: How often each of R samples holds each image, ``(R, N)``.
        """
        held = weights[:, self.order]
        yes = np.add.reduceat(held * self.positive, self.starts, axis=1).astype(np.float64)
        every = np.add.reduceat(held, self.starts, axis=1).astype(np.float64)
        hits, called = np.cumsum(yes, axis=1), np.cumsum(every, axis=1)
        positives, total = hits[:, -1], called[:, -1]
        pairs = positives * (total - positives)
        won = np.einsum("rl,rl->r", every - yes, hits - yes / 2)
        precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
        return _over(won, pairs), _over(np.einsum("rl,rl->r", yes, precision), positives)


def auroc(positive: Bools, scores: Floats) -> float:
    """Return the chance that a positive scores above a negative, ties counting half.

    NaN when one side is empty.

    >>> auroc(np.array([False, False, True]), np.array([0.1, 0.6, 0.6]))
    0.75
    """
    return _areas(positive, scores)[0]


def auprc(positive: Bools, scores: Floats) -> float:
    """Return average precision: the area under the stepped precision-recall curve.

    NaN when there is no positive.

    >>> auprc(np.array([False, True, True]), np.array([0.1, 0.6, 0.6]))
    1.0
    """
    return _areas(positive, scores)[1]


def macro_auroc(target: npt.NDArray[np.int64], probs: Floats) -> float:
    """Return AUROC of the second class of two, or the mean of one class against the rest."""
    classes = [1] if probs.shape[1] == 2 else range(probs.shape[1])
    areas = np.array([auroc(target == c, probs[:, c]) for c in classes])
    known = areas[np.isfinite(areas)]
    return float(known.mean()) if len(known) else float("nan")


def roc_curve(positive: Bools, scores: Floats) -> tuple[Doubles, Doubles]:
    """Return false and true positive rate at every threshold, from (0, 0) to (1, 1)."""
    yes, no = _counts_by_threshold(positive, scores)
    return np.append(0.0, no / no[-1]), np.append(0.0, yes / yes[-1])


def precision_recall_curve(positive: Bools, scores: Floats) -> tuple[Doubles, Doubles]:
    """Return recall and precision at every threshold, highest threshold first."""
    yes, no = _counts_by_threshold(positive, scores)
    return yes / yes[-1], yes / (yes + no)


def _counts_by_threshold(positive: Bools, scores: Floats) -> tuple[Doubles, Doubles]:
    _, levels = np.unique(-np.asarray(scores), return_inverse=True)
    levels = levels.reshape(-1)
    top = int(levels.max()) + 1
    yes = np.bincount(levels[positive], minlength=top)
    no = np.bincount(levels[~positive], minlength=top)
    return np.cumsum(yes).astype(np.float64), np.cumsum(no).astype(np.float64)


def _areas(positive: Bools, scores: Floats) -> tuple[float, float]:
    if len(scores) == 0:
        return float("nan"), float("nan")
    ones = np.ones((1, len(scores)), np.float32)
    roc, precision_recall = Ranking(positive, np.asarray(scores)).areas(ones)
    return float(roc[0]), float(precision_recall[0])


def _over(part: Doubles, whole: Doubles) -> Doubles:
    found: Doubles = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found
