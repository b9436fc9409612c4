"""Metrics of decisions, from counts of right answers, truths and predictions by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """Counts by class, each ``(..., C)``; the leading axes are samples.

    Args:
        right: Images of the class that were called so.
        truth: Images of the class.
        predicted: Images called so.
    """

    right: Doubles
    truth: Doubles
    predicted: Doubles

    @property
    def total(self) -> Doubles:
        """Images, ``(..., 1)``."""
        return np.asarray(self.truth.sum(axis=-1, keepdims=True))


def confusion_matrix(target: Ints, predicted: Ints, num_classes: int) -> Ints:
    """Return counts ``(C, C)``: rows are the truth, columns what was predicted.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    cells = np.bincount(target * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def count(target: Ints, predicted: Ints, num_classes: int) -> Tally:
    """Return the counts of N images."""
    matrix = confusion_matrix(target, predicted, num_classes).astype(np.float64)
    return Tally(right=np.diag(matrix), truth=matrix.sum(axis=1), predicted=matrix.sum(axis=0))


def accuracy(tally: Tally) -> Doubles:
    """Return the share of right answers, ``(..., 1)``."""
    return ratio(tally.right.sum(axis=-1, keepdims=True), tally.total)


def sensitivity(tally: Tally) -> Doubles:
    """Return the recall of each class; NaN for a class that does not occur."""
    return ratio(tally.right, tally.truth)


def specificity(tally: Tally) -> Doubles:
    """Return the true negative rate of each class; NaN when every image is of the class."""
    others = tally.total - tally.truth
    return ratio(others - tally.predicted + tally.right, others)


def precision(tally: Tally) -> Doubles:
    """Return the precision of each class: 0 if it is missed, NaN if neither true nor predicted."""
    missed = (tally.predicted == 0) & (tally.truth > 0)
    return np.where(missed, 0.0, ratio(tally.right, tally.predicted))


def f1(tally: Tally) -> Doubles:
    """Return the F1 of each class; NaN for a class neither true nor predicted."""
    return ratio(2 * tally.right, tally.truth + tally.predicted)


def balanced_accuracy(tally: Tally) -> Doubles:
    """Return the mean sensitivity over the classes that occur, ``(..., 1)``."""
    return mean_known(sensitivity(tally))


def decision_metrics(tally: Tally, measured: Sequence[int] | None) -> dict[str, Doubles]:
    """Return each metric ``(..., C + 1)``: of each class against the rest, then of the whole.

    Args:
        tally: Counts by class.
        measured: Classes that means run over; None takes all that occur.
    """
    chosen = list(range(tally.truth.shape[-1])) if measured is None else list(measured)
    by_class = {
        "f1": f1(tally),
        "precision": precision(tally),
        "sensitivity": sensitivity(tally),
        "specificity": specificity(tally),
    }
    unknown = np.full(tally.truth.shape, np.nan)
    weighted = np.where(tally.truth > 0, by_class["f1"], 0.0) * tally.truth
    whole = {
        "accuracy": accuracy(tally),
        "balanced_accuracy": balanced_accuracy(tally),
        "macro_f1": mean_known(by_class["f1"][..., chosen]),
        "weighted_f1": ratio(weighted.sum(axis=-1, keepdims=True), tally.total),
    }
    found = {k: np.concatenate([v, _overall(v, chosen)], axis=-1) for k, v in by_class.items()}
    found |= {k: np.concatenate([unknown, v], axis=-1) for k, v in whole.items()}
    return found


def share_counts(tally: Tally) -> dict[str, tuple[Doubles, Doubles]]:
    """Return part and whole of each metric that is a plain share, in columns as those metrics.

    A whole of 0 marks what is no share: a mean over classes.
    """
    others = tally.total - tally.truth
    by_class = {
        "precision": (tally.right, tally.predicted),
        "sensitivity": (tally.right, tally.truth),
        "specificity": (others - tally.predicted + tally.right, others),
    }
    binary = tally.truth.shape[-1] == 2
    found = {}
    for name, pair in by_class.items():
        part, whole = (np.append(v, v[..., 1:] if binary else 0.0) for v in pair)
        found[name] = (part, whole)
    nothing = np.zeros(tally.truth.shape[-1])
    right = np.append(nothing, tally.right.sum())
    return found | {"accuracy": (right, np.append(nothing, tally.total))}


def share_units(
    target: Ints, predicted: Ints, num_classes: int, groups: Sequence[str] | None
) -> dict[str, Doubles]:
    """Return how many patients (images without ``groups``) each share of ``share_counts`` is of."""
    names = np.arange(len(target)) if groups is None else np.asarray(groups)
    unit = np.unique(names, return_inverse=True)[1].reshape(-1)

    def units(flags: npt.NDArray[np.bool_]) -> Doubles:
        held = np.zeros((unit.max() + 1, num_classes), bool)
        held[unit[np.nonzero(flags)[0]], np.nonzero(flags)[1]] = True
        return np.asarray(held.sum(axis=0), np.float64)

    truth, said = (
        np.eye(num_classes, dtype=bool)[target],
        np.eye(num_classes, dtype=bool)[predicted],
    )
    by_class = {"precision": said, "sensitivity": truth, "specificity": ~truth}
    found = {}
    for name, flags in by_class.items():
        each = units(flags)
        found[name] = np.append(each, each[1:] if num_classes == 2 else 0.0)
    return found | {"accuracy": np.append(np.zeros(num_classes), unit.max() + 1.0)}


def mean_known(values: Doubles) -> Doubles:
    """Return the mean over the last axis of what is not NaN, ``(..., 1)``."""
    known = np.isfinite(values)
    sums = np.where(known, values, 0.0).sum(axis=-1, keepdims=True)
    return ratio(sums, known.sum(axis=-1, keepdims=True).astype(np.float64))


def ratio(part: Doubles, whole: Doubles) -> Doubles:
    """Return ``part / whole``, NaN where ``whole`` is 0."""
    found: Doubles = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return found


def _overall(values: Doubles, chosen: Sequence[int]) -> Doubles:
    return values[..., 1:] if values.shape[-1] == 2 else mean_known(values[..., chosen])
