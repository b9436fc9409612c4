"""Another mix of classes in the images at hand than in val, estimated without their labels.

EM (Saerens, Latinne and Decaestecker 2002) asks which mix makes the probabilities consistent; BBSE
(Lipton, Wang and Smola 2018) which mix explains how often each class is predicted. Both hold only
when nothing but the mix has changed: images of one class must look as they do in val.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from medx.core.errors import InputError
from medx.core.values import Value

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EM_STEPS, EM_TOLERANCE = 1000, 1e-7

#: Beyond this condition number, BBSE divides noise by almost nothing.
WORST_CONDITION = 1e4


class LabelShift(Value):
    """The mix of classes that was estimated, and what it is used for."""

    method: str = Field(description="em or bbse.")
    n: int = Field(description="Unlabelled images it was estimated from.")
    val_prior: dict[str, float] = Field(description="Share of each class in val.")
    estimated_prior: dict[str, float] = Field(description="Estimated share of each class here.")
    decision: str = "the most probable class under the estimated prior"
    assumption: str = "only the mix of classes differs from val, not how each class looks"

    def adjust(self, probs: Floats) -> Doubles:
        """Return probabilities ``(N, C)`` under the estimated prior."""
        old, new = (np.array(list(p.values())) for p in (self.val_prior, self.estimated_prior))
        return _reweigh(np.asarray(probs, np.float64), old, new)


def estimate_label_shift(
    method: str,
    classes: Sequence[str],
    *,
    val_probs: Floats,
    val_target: Ints,
    probs: Floats,
) -> LabelShift:
    """Estimate the mix of classes of unlabelled images.

    Args:
        method: ``em`` or ``bbse``.
        classes: C names.
        val_probs: Calibrated, ``(M, C)``.
        val_target: Class indices ``(M,)``.
        probs: Calibrated, of the images at hand, ``(N, C)``.

    Raises:
        InputError: When val lacks a class, or its classes are confused too much for BBSE.
    """
    prior = np.bincount(val_target, minlength=len(classes)) / len(val_target)
    if prior.min() == 0:
        absent = ", ".join(name for name, share in zip(classes, prior, strict=True) if share == 0)
        raise InputError(f"label shift cannot be estimated: val holds no image of {absent}")
    if method == "em":
        found = estimate_em(probs, prior)
    elif method == "bbse":
        found = estimate_bbse(val_probs.argmax(axis=1), val_target, probs.argmax(axis=1), prior)
    else:
        raise ValueError(f"method must be 'em' or 'bbse', got {method!r}")
    return LabelShift(
        method=method,
        n=len(probs),
        val_prior=dict(zip(classes, prior.tolist(), strict=True)),
        estimated_prior=dict(zip(classes, found.tolist(), strict=True)),
    )


def estimate_em(probs: Floats, prior: Doubles) -> Doubles:
    """Return the prior ``(C,)`` that makes unlabelled images likeliest.

    Args:
        probs: Calibrated under ``prior``, ``(N, C)``.
        prior: Of val, ``(C,)``, each above 0.
    """
    given, current = np.asarray(probs, np.float64), np.asarray(prior, np.float64)
    for _ in range(EM_STEPS):
        updated = _reweigh(given, prior, current).mean(axis=0)
        if np.abs(updated - current).max() < EM_TOLERANCE:
            break
        current = updated
    return np.asarray(updated, np.float64)


def estimate_bbse(
    val_predicted: Ints, val_target: Ints, predicted: Ints, prior: Doubles
) -> Doubles:
    """Return the prior ``(C,)`` that explains how often each class is predicted.

    Args:
        val_predicted: Class indices ``(M,)``.
        val_target: Class indices ``(M,)``.
        predicted: Class indices ``(N,)`` of the images at hand.
        prior: Of val, ``(C,)``.

    Raises:
        InputError: When val confuses the classes so much that no mix can be told.
    """
    size = len(prior)
    cells = np.bincount(val_predicted * size + val_target, minlength=size**2)
    joint = cells.reshape(size, size) / len(val_target)
    if np.linalg.cond(joint) > WORST_CONDITION:
        raise InputError(
            "BBSE cannot tell the mix of classes: on val one class is hardly ever predicted",
            hint="use --label-shift em",
        )
    seen = np.bincount(predicted, minlength=size) / len(predicted)
    found = np.maximum(np.linalg.solve(joint, seen), 0.0) * prior
    return np.asarray(found / found.sum(), np.float64)


def _reweigh(probs: Doubles, old: Doubles, new: Doubles) -> Doubles:
    weighted = probs * (new / old)
    # An image that only a class of weight 0 explains keeps what it had.
    total = weighted.sum(axis=1, keepdims=True)
    return np.where(total > 0, weighted / np.where(total > 0, total, 1.0), probs)
