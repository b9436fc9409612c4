"""Probabilities that mean what they say: temperature scaling (Guo et al. 2017) with a bias.

Focal loss, smoothing and mixup draw every answer towards even odds, class weights towards other
ones. A temperature alone stretches around even odds; one bias a class puts the middle back where
the data has it (bias-corrected temperature scaling, Alexandari et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Floats = npt.NDArray[np.floating]

#: A val split without a mistake would push the temperature to 0 and every answer to certainty.
LOWEST, HIGHEST = 0.1, 10.0

#: Spread of the normal prior on a bias, in logits: wide, but a class absent from val stays finite.
BIAS_SPREAD = 3.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How logits become probabilities: ``softmax(logits / temperature + bias)``.

    Args:
        temperature: Above 0; 1 leaves logits as they are.
        bias: One a class.
    """

    temperature: float
    bias: tuple[float, ...]

    def scaled(self, logits: Floats) -> npt.NDArray[np.float64]:
        """Return calibrated logits ``(N, C)``."""
        scaled = np.asarray(logits, np.float64) / self.temperature + np.array(self.bias)
        return np.asarray(scaled, np.float64)

    def probabilities(self, logits: Floats) -> npt.NDArray[np.float32]:
        """Return calibrated probabilities ``(N, C)``."""
        return np.asarray(softmax(self.scaled(logits), axis=1), np.float32)


def fit_calibration(logits: Floats, target: npt.NDArray[np.int64]) -> Calibration:
    """Return the temperature and bias that make ``target`` most likely.

    Args:
        logits: ``(N, C)``, of val.
        target: Class indices ``(N,)``.
    """
    raw = np.asarray(logits, np.float64)
    count, num_classes = raw.shape
    truth = np.eye(num_classes)[target]
    ridge = 1.0 / (count * BIAS_SPREAD**2)

    def loss(params: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        stretched, bias = raw * np.exp(-params[0]), params[1:]
        log_probs = log_softmax(stretched + bias, axis=1)
        error = (np.exp(log_probs) - truth) / count
        value = -(truth * log_probs).sum() / count + ridge * (bias @ bias) / 2
        slope = np.append(-(error * stretched).sum(), error.sum(axis=0) + ridge * bias)
        return float(value), slope

    bounds = [(np.log(LOWEST), np.log(HIGHEST)), *[(None, None)] * num_classes]
    found = minimize(loss, np.zeros(num_classes + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Calibration(temperature=float(np.exp(found[0])), bias=tuple(found[1:].tolist()))


def negative_log_likelihood(logits: Floats, target: npt.NDArray[np.int64]) -> float:
    """Return the mean cross-entropy of logits ``(N, C)``."""
    log_probs = log_softmax(np.asarray(logits, np.float64), axis=1)
    return float(-log_probs[np.arange(len(target)), target].mean())
