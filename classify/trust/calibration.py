"""Probabilities that mean what they say: temperature or vector scaling (Guo et al. 2017).

Focal loss, smoothing and mixup draw every answer towards even odds, class weights towards other
ones. A temperature alone stretches around even odds; one bias a class puts the middle back where
the data has it (bias-corrected temperature scaling, Alexandari et al. 2020). Vector scaling gives
each class a temperature of its own, which pays where classes differ in how sure the network is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from classify.config import CALIBRATIONS

Floats = npt.NDArray[np.floating]

#: Of logits that spread by 1 or more; narrower ones are stretched to that first. A val split
#: without a mistake would push the temperature to 0 and every answer to certainty.
LOWEST, HIGHEST = 0.1, 10.0

#: Logits that spread less than this are rounding, which no temperature makes an answer of.
NARROWEST = 1e-5

#: Spread of the normal prior on a bias, in logits: wide, but a class absent from val stays finite.
BIAS_SPREAD = 3.0

#: Spread of the normal prior on the log of a class's own scale: a rare class stays near the others.
SCALE_SPREAD = 0.5


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How logits become probabilities: ``softmax(scale * logits / temperature + bias)``.

    Args:
        temperature: Above 0; 1 leaves logits as they are.
        bias: One a class.
        scale: One a class, above 0; empty is 1 for all, as temperature scaling has it.
    """

    temperature: float
    bias: tuple[float, ...]
    scale: tuple[float, ...] = ()

    def scaled(self, logits: Floats) -> npt.NDArray[np.float64]:
        """Return calibrated logits ``(N, C)``."""
        stretch = np.array(self.scale or (1.0,)) / self.temperature
        scaled = np.asarray(logits, np.float64) * stretch + np.array(self.bias)
        return np.asarray(scaled, np.float64)

    def probabilities(self, logits: Floats) -> npt.NDArray[np.float32]:
        """Return calibrated probabilities ``(N, C)``."""
        return np.asarray(softmax(self.scaled(logits), axis=1), np.float32)


def fit_calibration(
    logits: Floats, target: npt.NDArray[np.int64], method: str = "temperature"
) -> Calibration:
    """Return the calibration that makes ``target`` most likely, under a weak prior.

    Args:
        logits: ``(N, C)``, of val.
        target: Class indices ``(N,)``.
        method: ``temperature``: one for all classes, and a bias each; ``vector``: a scale and a
            bias each; ``none``: plain softmax.

    Raises:
        ValueError: When the method is unknown.
    """
    if method not in CALIBRATIONS:
        raise ValueError(f"method must be one of {', '.join(CALIBRATIONS)}, got {method!r}")
    raw = np.asarray(logits, np.float64)
    num_classes = raw.shape[1]
    if method == "none":
        return Calibration(temperature=1.0, bias=(0.0,) * num_classes)
    own = num_classes if method == "vector" else 0
    unit = _unit(raw)
    bounds = [
        (np.log(LOWEST), np.log(HIGHEST / unit)),
        *[(None, None)] * num_classes,
        *[(-np.log(HIGHEST), np.log(HIGHEST))] * own,
    ]
    start = np.zeros(1 + num_classes + own)
    given = (raw / unit, np.eye(num_classes)[target])
    found = minimize(_loss, start, given, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Calibration(
        temperature=unit * float(np.exp(found[0])),
        bias=tuple(found[1 : 1 + num_classes].tolist()),
        scale=tuple(np.exp(found[1 + num_classes :]).tolist()),
    )


def _unit(raw: npt.NDArray[np.float64]) -> float:
    """Return how far logits ``(N, C)`` of narrow spread differ between images; 1 for others.

    A network that has barely begun to learn, or an average of weights over few steps, orders images
    well with logits that hardly differ.
    """
    among_classes = raw - raw.mean(axis=1, keepdims=True)
    spread = float((among_classes - among_classes.mean(axis=0)).std())
    return spread if NARROWEST < spread < 1.0 else 1.0


def _loss(
    params: npt.NDArray[np.float64],
    raw: npt.NDArray[np.float64],
    truth: npt.NDArray[np.float64],
) -> tuple[float, npt.NDArray[np.float64]]:
    """Return cross-entropy plus prior, and its slope.

    Args:
        params: Log temperature, C biases, and for vector scaling C log scales.
        raw: Logits ``(N, C)``.
        truth: One-hot ``(N, C)``.
    """
    count, num_classes = raw.shape
    bias, own = params[1 : 1 + num_classes], params[1 + num_classes :]
    stretched = raw * np.exp(-params[0]) * (np.exp(own) if len(own) else 1.0)
    log_probs = log_softmax(stretched + bias, axis=1)
    error = (np.exp(log_probs) - truth) / count
    bias_ridge, own_ridge = 1 / (count * BIAS_SPREAD**2), 1 / (count * SCALE_SPREAD**2)
    value = -(truth * log_probs).sum() / count
    value += bias_ridge * (bias @ bias) / 2 + own_ridge * (own @ own) / 2
    by_class = (error * stretched).sum(axis=0)
    slope = [[-by_class.sum()], error.sum(axis=0) + bias_ridge * bias]
    if len(own):
        slope.append(by_class + own_ridge * own)
    return float(value), np.concatenate(slope)


def negative_log_likelihood(logits: Floats, target: npt.NDArray[np.int64]) -> float:
    """Return the mean cross-entropy of logits ``(N, C)``."""
    log_probs = log_softmax(np.asarray(logits, np.float64), axis=1)
    return float(-log_probs[np.arange(len(target)), target].mean())
