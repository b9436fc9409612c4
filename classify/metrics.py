"""Classification metrics with bootstrap intervals.

For two classes, precision, sensitivity, specificity and F1 are the positive (second) class's; for
more they are means over classes (macro), and AUROC is the mean of one class against the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medx.core.statistics import RESAMPLES, bootstrap_interval
from medx.core.values import Interval

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Measured = dict[str, Interval | None]


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """How intervals are made.

    Args:
        groups: N patients, resampled whole; None resamples images.
        resamples: Bootstrap samples.
        seed: Of the resampling.
    """

    groups: Sequence[str] | None = None
    resamples: int = RESAMPLES
    seed: int = 0


def confusion_matrix(target: Ints, predicted: Ints, num_classes: int) -> Ints:
    """Return counts ``(C, C)``: rows are the truth, columns what was predicted.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    cells = np.bincount(target * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def accuracy(matrix: Ints) -> float:
    """Return the share of right answers."""
    return float(np.trace(matrix) / matrix.sum())


def sensitivity(matrix: Ints) -> Floats:
    """Return the recall of each class; NaN for a class that does not occur."""
    return _ratio(np.diag(matrix), matrix.sum(axis=1))


def specificity(matrix: Ints) -> Floats:
    """Return the true negative rate of each class; NaN when every image is of the class."""
    right = np.diag(matrix)
    others = matrix.sum() - matrix.sum(axis=1)
    return _ratio(others - matrix.sum(axis=0) + right, others)


def precision(matrix: Ints) -> Floats:
    """Return the precision of each class: 0 if it is missed, NaN if neither true nor predicted."""
    predicted = matrix.sum(axis=0)
    values = _ratio(np.diag(matrix), predicted)
    return np.where((predicted == 0) & (matrix.sum(axis=1) > 0), 0.0, values)


def f1(matrix: Ints) -> Floats:
    """Return the F1 of each class; NaN for a class neither true nor predicted."""
    return _ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def balanced_accuracy(matrix: Ints) -> float:
    """Return the mean sensitivity over the classes that occur."""
    return _mean(sensitivity(matrix))


def auroc(positive: npt.NDArray[np.bool_], scores: Floats) -> float:
    """Return the chance that a positive scores above a negative, ties counting half.

    NaN when one side is empty.

    >>> auroc(np.array([False, False, True]), np.array([0.1, 0.6, 0.6]))
    0.75
    """
    return _auroc_of_ranks(positive, _ranks(scores))


def macro_auroc(target: Ints, probs: Floats) -> float:
    """Return AUROC of the second class of two, or the mean of one class against the rest."""
    return _macro_auroc_of_ranks(target, _rank_columns(probs))


#: What each row of a metric table is, from a confusion matrix to a value a class or one value.
FROM_MATRIX: dict[str, Callable[[Ints], Floats | float]] = {
    "accuracy": accuracy,
    "f1": f1,
    "precision": precision,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "balanced_accuracy": balanced_accuracy,
}


def measure(
    target: Ints,
    probs: Floats,
    predicted: Ints,
    bootstrap: Bootstrap | None = None,
) -> Measured:
    """Return every metric with its 95 % bootstrap interval; None where it is undefined.

    Args:
        target: Class indices ``(N,)``.
        probs: ``(N, C)``.
        predicted: Class indices ``(N,)``.
        bootstrap: How to resample; the default when None.
    """
    num_classes = probs.shape[1]
    how = bootstrap or Bootstrap()

    def interval(statistic: Callable[..., float], *arrays: npt.NDArray[np.generic]) -> Interval:
        return bootstrap_interval(
            statistic, *arrays, groups=how.groups, resamples=how.resamples, seed=how.seed
        )

    def of_matrix(metric: Callable[[Ints], Floats | float]) -> Callable[[Ints, Ints], float]:
        return lambda t, p: _overall(metric(confusion_matrix(t, p, num_classes)))

    found = {"auroc": interval(_macro_auroc_of_ranks, target, _rank_columns(probs))}
    for name, metric in FROM_MATRIX.items():
        found[name] = interval(of_matrix(metric), target, predicted)
    return {name: _defined(value) for name, value in found.items()}


def measure_classes(
    target: Ints,
    probs: Floats,
    predicted: Ints,
    bootstrap: Bootstrap | None = None,
) -> list[Measured]:
    """Return ``measure`` of each class against the rest, in class order."""
    results = []
    for c in range(probs.shape[1]):
        column = probs[:, c]
        against = measure(
            (target == c).astype(np.int64),
            np.stack([1.0 - column, column], axis=1),
            (predicted == c).astype(np.int64),
            bootstrap,
        )
        results.append({k: v for k, v in against.items() if "accuracy" not in k})
    return results


def _overall(value: Floats | float) -> float:
    if isinstance(value, float):
        return value
    return float(value[1]) if len(value) == 2 else _mean(value)


def _defined(interval: Interval) -> Interval | None:
    return interval if np.isfinite([interval.estimate, interval.low]).all() else None


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _ratio(part: Ints, whole: Ints) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio


def _ranks(scores: Floats) -> Ints:
    return np.unique(scores, return_inverse=True)[1].reshape(-1)


def _rank_columns(probs: Floats) -> Ints:
    """Rank each column once, so that a bootstrap resample needs only counting."""
    return np.stack([_ranks(column) for column in probs.T], axis=1)


def _macro_auroc_of_ranks(target: Ints, ranks: Ints) -> float:
    classes = [1] if ranks.shape[1] == 2 else range(ranks.shape[1])
    return _mean(np.array([_auroc_of_ranks(target == c, ranks[:, c]) for c in classes]))


def _auroc_of_ranks(positive: npt.NDArray[np.bool_], ranks: Ints) -> float:
    top = int(ranks.max()) + 1 if len(ranks) else 0
    above = np.bincount(ranks[positive], minlength=top)
    below = np.bincount(ranks[~positive], minlength=top)
    pairs = float(above.sum()) * float(below.sum())
    if pairs == 0:
        return float("nan")
    return float((above * (np.cumsum(below) - below / 2)).sum() / pairs)
