"""Whether probabilities mean what they say: Brier score, log loss, expected calibration error.

Calibration error is measured in bins of equal mass: up to 15 bins that hold about as many images
each, equal probabilities always in one bin. For two classes it is that of the positive class's
probability; for more, that of the most probable class's (Guo et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

BINS = 15
BINNING = f"{BINS} bins of equal mass"

#: The smallest distance from 1 that a float32 probability can have.
CLIP = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Images of like probability.

    Args:
        n: How many.
        predicted: Their mean probability.
        observed: Share of them that were of the class (or right).
    """

    n: int
    predicted: float
    observed: float


def squared_errors(target: Ints, probs: Floats) -> Doubles:
    """Return the Brier score of each image ``(N,)``.

    Two classes: the squared error of one probability, 0 to 1. More: the sum over classes, 0 to 2.
    """
    errors = (np.asarray(probs, np.float64) - np.eye(probs.shape[1])[target]) ** 2
    return np.asarray(errors[:, 1] if probs.shape[1] == 2 else errors.sum(axis=1))


def log_losses(target: Ints, probs: Floats) -> Doubles:
    """Return the negative log likelihood of each image ``(N,)``, in nats."""
    of_truth = np.asarray(probs, np.float64)[np.arange(len(target)), target]
    return np.asarray(-np.log(np.maximum(of_truth, CLIP)))


def confidence(target: Ints, probs: Floats) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Return the probability that calibration is judged by, and whether it came true, ``(N,)``."""
    values = np.asarray(probs, np.float64)
    if values.shape[1] == 2:
        return values[:, 1], target == 1
    return values.max(axis=1), values.argmax(axis=1) == target


def equal_mass_bins(scores: Floats, bins: int = BINS) -> npt.NDArray[np.intp]:
    """Return the bin of each score ``(N,)``: at most ``bins``, equal scores together."""
    edges = np.quantile(scores, np.arange(1, bins) / bins, method="lower")
    return np.searchsorted(np.unique(edges), scores, side="left")


def calibration_errors(scores: Floats, came_true: npt.NDArray[np.bool_]) -> Doubles:
    """Return ``(N, bins)``: each image's error in its bin; ECE is a sum of their absolute means.

    A resample needs only weighted column sums of it.
    """
    inside = np.eye(BINS)[equal_mass_bins(scores)]
    return np.asarray(inside * (np.asarray(scores, np.float64) - came_true)[:, None])


def reliability_bins(
    scores: Floats, came_true: npt.NDArray[np.bool_], bins: int = BINS
) -> list[Bin]:
    """Return what the reliability diagram shows, lowest probability first; no empty bin."""
    index = equal_mass_bins(scores, bins)
    return [
        Bin(
            n=int(np.count_nonzero(index == b)),
            predicted=float(np.mean(scores[index == b])),
            observed=float(np.mean(came_true[index == b])),
        )
        for b in np.unique(index)
    ]
