"""Classification metrics with 95 % intervals.

For two classes, precision, sensitivity, specificity and F1 are the positive (second) class's; for
more they are means over classes (macro), and AUROC and AUPRC the mean of one class against the
rest. Every metric is a function of weighted sums over images, so that a bootstrap sample is counted
and never sorted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify.evaluation.delong import delong_interval
from classify.evaluation.measured import Measured
from classify.evaluation.ranking import Ranking
from classify.evaluation.reliability import (
    BINS,
    calibration_errors,
    confidence,
    log_losses,
    squared_errors,
)
from classify.evaluation.tally import (
    Tally,
    count,
    decision_metrics,
    mean_known,
    share_counts,
    share_units,
)
from medx.core.bootstrap import Bootstrap
from medx.core.shares import exact_share
from medx.core.statistics import percentile_interval, widened_mean
from medx.core.values import Interval

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

#: What is a figure of the whole only, not of one class against the rest.
OVERALL_ONLY = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "nll")
#: Means over classes, and the figure of one class that they are means of.
MEANS = {"balanced_accuracy": "sensitivity", "macro_f1": "f1"}
#: Of more than two classes, means themselves.
MULTI_CLASS_MEANS = ("auroc", "auprc", "f1", "precision", "sensitivity", "specificity")
STANDARD_ERROR = "bootstrap standard error"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """Truth, probabilities and decisions of N images.

    Args:
        target: Class indices ``(N,)``.
        probs: ``(N, C)``.
        predicted: Class indices ``(N,)``.
        measured: Classes that macro means run over; None takes all that occur.
    """

    target: Ints
    probs: Floats
    predicted: Ints
    measured: Sequence[int] | None = None

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return int(self.probs.shape[1])

    @property
    def classes(self) -> Sequence[int]:
        """Which classes macro means run over, where they occur."""
        return range(self.num_classes) if self.measured is None else self.measured


@dataclass(frozen=True, kw_only=True, eq=False)
class Sampled:
    """Each metric by bootstrap sample and column: the C classes, then the whole.

    Args:
        estimates: ``(C + 1,)`` by metric, of the images themselves.
        samples: ``(R, C + 1)`` by metric.
    """

    estimates: dict[str, Doubles]
    samples: dict[str, Doubles]


def measure(
    target: Ints,
    probs: Floats,
    predicted: Ints,
    bootstrap: Bootstrap | None = None,
    *,
    measured: Sequence[int] | None = None,
) -> Measured:
    """Return every metric with its 95 % interval; None where it is undefined.

    Args:
        target: Class indices ``(N,)``.
        probs: ``(N, C)``.
        predicted: Class indices ``(N,)``.
        bootstrap: How to resample; the default when None.
        measured: Classes that macro means run over; None takes all that occur.
    """
    case = Case(target=target, probs=probs, predicted=predicted, measured=measured)
    return measure_case(case, bootstrap or Bootstrap())[0]


def measure_case(case: Case, how: Bootstrap) -> tuple[Measured, list[Measured]]:
    """Return the metrics of the whole, and of each class against the rest."""
    sampled = sample_metrics(case, how)
    columns = [_intervals(sampled, c) for c in range(case.num_classes + 1)]
    shares = _Shares(case, how)
    columns = [shares.without_points(found, c) for c, found in enumerate(columns)]
    whole = columns.pop()
    by_class = [{k: v for k, v in found.items() if k not in OVERALL_ONLY} for found in columns]
    if how.independent:
        for c, found in enumerate(by_class):
            exact = delong_interval(case.target == c, case.probs[:, c])
            found["auroc"] = exact or found["auroc"]
        if case.num_classes == 2:
            whole["auroc"] = delong_interval(case.target == 1, case.probs[:, 1]) or whole["auroc"]
    return whole, by_class


def measure_decisions(target: Ints, predicted: Ints, num_classes: int, how: Bootstrap) -> Measured:
    """Return the metrics that need no probability, of the whole."""
    sums = _one_hot_table(target, predicted, num_classes)
    estimates = decision_metrics(count(target, predicted, num_classes), None)
    drawn = [
        decision_metrics(_tally(weights @ sums, num_classes), None)
        for weights in how.weights(len(target))
    ]
    samples = {name: np.concatenate([part[name] for part in drawn]) for name in estimates}
    _blank_partial_means(estimates, samples, range(num_classes))
    found = {
        name: percentile_interval(float(value[-1]), samples[name][:, -1])
        for name, value in estimates.items()
    }
    case = Case(target=target, probs=np.eye(num_classes)[predicted], predicted=predicted)
    return _Shares(case, how).without_points(found, num_classes)


def sample_metrics(case: Case, how: Bootstrap) -> Sampled:
    """Return every metric of the images themselves and of each bootstrap sample."""
    table = _Table(case)
    parts = [table.metrics(weights) for weights in how.weights(len(case.target))]
    once = table.metrics(np.ones((1, len(case.target)), np.float32))
    estimates = {name: values[0] for name, values in once.items()}
    samples = {name: np.concatenate([part[name] for part in parts]) for name in once}
    _blank_partial_means(estimates, samples, case.classes)
    return Sampled(estimates=estimates, samples=samples)


def _blank_partial_means(
    estimates: dict[str, Doubles], samples: dict[str, Doubles], chosen: Sequence[int]
) -> None:
    """Blank each mean over classes in samples that lack one of them: it is another figure there."""
    num_classes = len(next(iter(estimates.values()))) - 1
    own = MULTI_CLASS_MEANS if num_classes > 2 else ()
    for name, part in {**MEANS, **{name: name for name in own}}.items():
        if name in samples:
            known = [c for c in chosen if np.isfinite(estimates[part][c])]
            lost = np.isnan(samples[part][:, known]).any(axis=1)
            samples[name][lost, -1] = np.nan


class _Table:
    """What each image adds to the sums that metrics are made of."""

    def __init__(self, case: Case) -> None:
        self.case = case
        classes = range(case.num_classes)
        target, probs = case.target, np.asarray(case.probs, np.float64)
        self.rankings = [Ranking(target == c, case.probs[:, c]) for c in classes]
        truth = np.eye(case.num_classes)[target]
        sure, right = confidence(target, probs)
        errors = [calibration_errors(probs[:, c], target == c) for c in classes]
        self.decisions = _one_hot_table(target, case.predicted, case.num_classes)
        self.squares = _single(
            np.column_stack([(probs - truth) ** 2, squared_errors(target, probs)])
        )
        self.losses = _single(log_losses(target, probs)[:, None])
        self.errors = _single(np.concatenate([*errors, calibration_errors(sure, right)], axis=1))

    def metrics(self, weights: npt.NDArray[np.float32]) -> dict[str, Doubles]:
        """Return each metric ``(R, C + 1)`` of samples given by weights ``(R, N)``."""
        case = self.case
        total = weights.sum(axis=1, dtype=np.float64)[:, None]
        areas = [ranking.areas(weights) for ranking in self.rankings]
        errors = (weights @ self.errors / total).reshape(len(weights), -1, BINS)
        losses = np.full((len(weights), case.num_classes + 1), np.nan)
        losses[:, -1:] = weights @ self.losses / total
        return {
            "auroc": self._with_whole(np.stack([roc for roc, _ in areas], axis=1)),
            "auprc": self._with_whole(np.stack([pr for _, pr in areas], axis=1)),
            **decision_metrics(_tally(weights @ self.decisions, case.num_classes), case.measured),
            "brier": weights @ self.squares / total,
            "ece": np.abs(errors).sum(axis=2),
            "nll": losses,
        }

    def _with_whole(self, values: Doubles) -> Doubles:
        whole = values[:, 1:] if self.case.num_classes == 2 else mean_known(values)
        return np.concatenate([values, whole], axis=1)


def _intervals(sampled: Sampled, column: int) -> Measured:
    found: Measured = {}
    for name, values in sampled.estimates.items():
        estimate, samples = float(values[column]), sampled.samples[name][:, column]
        found[name] = percentile_interval(estimate, samples)
        if name == "ece" and np.isfinite(estimate):
            # Noise only adds to this error, so resamples lie above it: a percentile would not do.
            reach = 1.96 * float(np.std(samples))
            found[name] = Interval(
                estimate=estimate,
                low=max(estimate - reach, 0.0),
                high=min(estimate + reach, 1.0),
                method=STANDARD_ERROR,
            )
    return found


class _Shares:
    """What each share is of: images, and the patients they come from."""

    def __init__(self, case: Case, how: Bootstrap) -> None:
        facts = (case.target, case.predicted, case.num_classes)
        self.case = case
        self.counts = share_counts(count(*facts))
        self.units = share_units(*facts, how.groups)
        self.of = "images" if how.independent else "patients"

    def without_points(self, found: Measured, column: int) -> Measured:
        """Give a share of none or all an exact interval: every resample of it is the same."""
        changed = dict(found)
        for name in self.counts:
            exact = self._exact(name, column)
            if found.get(name) is not None and exact is not None:
                changed[name] = exact
        if column == self.case.num_classes:
            means = {"balanced_accuracy": "sensitivity"}
            if column > 2:
                means |= {name: name for name in ("sensitivity", "specificity", "precision")}
            for name, share in means.items():
                changed[name] = self._widened(found[name], share)
        return changed

    def _exact(self, name: str, column: int) -> Interval | None:
        """Return the interval of a share of none or all; None when it is no such share."""
        parts, wholes = self.counts[name]
        part, whole, units = parts[column], wholes[column], int(self.units[name][column])
        if not whole or part not in (0, whole):
            return None
        return exact_share(units if part else 0, units, of=self.of)

    def _widened(self, mean: Interval | None, share: str) -> Interval | None:
        """Add to the interval of a mean over classes what resampling cannot see of its shares."""
        case = self.case
        counted = [
            c for c in case.classes if self.counts[share][1][c] or self.counts["sensitivity"][1][c]
        ]
        exact = [found for c in counted if (found := self._exact(share, c)) is not None]
        if mean is None or not exact:
            return mean
        return widened_mean(mean, exact, len(counted))


def _one_hot_table(target: Ints, predicted: Ints, num_classes: int) -> npt.NDArray[np.float32]:
    truth, said = np.eye(num_classes)[target], np.eye(num_classes)[predicted]
    return _single(np.concatenate([truth * said, truth, said], axis=1))


def _tally(sums: Floats, num_classes: int) -> Tally:
    right, truth, predicted = np.split(
        np.asarray(sums, np.float64), [num_classes, 2 * num_classes], 1
    )
    return Tally(right=right, truth=truth, predicted=predicted)


def _single(values: Floats) -> npt.NDArray[np.float32]:
    return np.asarray(values, np.float32)
