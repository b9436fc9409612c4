"""Probabilities that mean what they say: temperature scaling (Guo et al. 2017)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

#: A val split without a mistake would push the temperature to 0 and every answer to certainty.
LOWEST, HIGHEST = 0.1, 10.0


def fit_temperature(logits: npt.NDArray[np.floating], target: npt.NDArray[np.int64]) -> float:
    """Return the temperature that makes ``softmax(logits / T)`` most likely on ``target``.

    Args:
        logits: ``(N, C)``, of val.
        target: Class indices ``(N,)``.
    """

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(logits / np.exp(log_temperature), target)

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def calibrate(logits: npt.NDArray[np.floating], temperature: float) -> npt.NDArray[np.float32]:
    """Return probabilities ``(N, C)`` of logits at a temperature."""
    scaled = np.asarray(logits, np.float64) / temperature
    return np.asarray(softmax(scaled, axis=1), np.float32)


def negative_log_likelihood(
    logits: npt.NDArray[np.floating], target: npt.NDArray[np.int64]
) -> float:
    """Return the mean cross-entropy of logits ``(N, C)``."""
    log_probs = log_softmax(np.asarray(logits, np.float64), axis=1)
    return float(-log_probs[np.arange(len(target)), target].mean())
