"""The threshold above which a two-class model says yes, chosen on val."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify.trust.operating_rules import Rule, parse_rule
from medx.core.statistics import resample_counts

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]

RESAMPLES = 500

#: Rules that ask for the largest of many near-equal figures, which chance decides; the others ask
#: for one quantile, which val fixes and which should hold there to the letter.
MAXIMISING = ("balanced_accuracy", "f1", "accuracy", "cost")


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A threshold and how sure val is of it.

    Args:
        rule: What it was chosen for.
        threshold: On the calibrated probability of the positive class; yes from it on.
        low: Start of the range that holds 95 % of the thresholds of bootstrap resamples of val.
        high: End of that range.
        plain: What val as it is would have chosen.
    """

    rule: str
    threshold: float
    low: float
    high: float
    plain: float


def choose_operating_point(positive: Flags, probs: Floats, rule: str) -> float:
    """Return the threshold on ``probs`` that does best by ``rule``.

    Between two neighbouring probabilities any threshold does the same; the middle of the widest
    stretch of equally good ones is taken, which leaves most room on both sides.

    Args:
        positive: Truth ``(N,)``.
        probs: Calibrated probability of the positive class ``(N,)``.
        rule: As ``parse_rule`` takes it.

    Raises:
        ValueError: When the rule is unknown or one class is absent.
    """
    parsed = parse_rule(rule)
    _check_both(positive)
    values, inverse = np.unique(np.asarray(probs, np.float64), return_inverse=True)
    yes = np.bincount(inverse[positive], minlength=len(values))
    no = np.bincount(inverse[~positive], minlength=len(values))
    return _choose(values, yes, no, parsed)


def bag_operating_point(
    positive: Flags,
    probs: Floats,
    rule: str,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> OperatingPoint:
    """Return the mean of the thresholds that bootstrap resamples of val choose.

    On a val split with a handful of mistakes, one image decides where the best threshold lies; the
    mean over resamples moves far less (bagging, Breiman 1996). A demand such as
    ``sensitivity>=0.95`` is met on val exactly: its threshold is that of val as it is.

    Args:
        positive: Truth ``(N,)``.
        probs: Calibrated probability of the positive class ``(N,)``.
        rule: As ``parse_rule`` takes it.
        groups: N patients, resampled whole; None resamples images.
        resamples: How many.
        seed: Of the resampling.
    """
    plain = choose_operating_point(positive, probs, rule)
    parsed = parse_rule(rule)
    values, inverse = np.unique(np.asarray(probs, np.float64), return_inverse=True)
    found = []
    # Counting how often each image was drawn leaves the order of probabilities as it is.
    for block in resample_counts(len(probs), groups=groups, resamples=resamples, seed=seed):
        for times in block:
            yes = np.bincount(inverse, times * positive, minlength=len(values))
            no = np.bincount(inverse, times * ~positive, minlength=len(values))
            if yes.any() and no.any():
                found.append(_choose(values, yes, no, parsed))
    thresholds = np.array(found or [plain])
    low, high = np.percentile(thresholds, [2.5, 97.5]).tolist()
    threshold = float(thresholds.mean()) if parsed.kind in MAXIMISING else plain
    return OperatingPoint(rule=str(parsed), threshold=threshold, low=low, high=high, plain=plain)


def apply_operating_point(probs: Floats, operating_point: float | None) -> npt.NDArray[np.int64]:
    """Return class indices ``(N,)``: the second of two at or above the threshold, else the top.

    Args:
        probs: ``(N, C)``.
        operating_point: None takes the most probable class.
    """
    if operating_point is None:
        return np.asarray(probs.argmax(axis=1), np.int64)
    # float32 would round the threshold on to one of the two probabilities it stands between.
    return (np.asarray(probs[:, 1], np.float64) >= operating_point).astype(np.int64)


def _check_both(positive: Flags) -> None:
    if positive.all() or not positive.any():
        raise ValueError("positive must hold both classes")


def _choose(
    values: npt.NDArray[np.float64],
    yes: npt.NDArray[np.generic],
    no: npt.NDArray[np.generic],
    rule: Rule,
) -> float:
    """Return the best threshold for so many positives and negatives at each of sorted values."""
    # Cut i calls values[i:] positive.
    hits = np.append(np.cumsum(yes[::-1])[::-1], 0).astype(np.float64)
    alarms = np.append(np.cumsum(no[::-1])[::-1], 0).astype(np.float64)
    merit = _merit(hits, alarms, rule)
    # Above a probability of 1 there must be room to say no to it.
    top = 1.0 if values[-1] < 1.0 else float(np.nextafter(1.0, 2.0))
    edges = np.concatenate([[0.0], values, [top]])
    first, last = _widest(np.flatnonzero(merit >= merit.max() - 1e-12), edges)
    low, high = float(edges[first]), float(edges[last])
    middle = (low + high) / 2
    return middle if middle > low else high  # neighbouring floats have no middle


def _merit(
    hits: npt.NDArray[np.float64], alarms: npt.NDArray[np.float64], rule: Rule
) -> npt.NDArray[np.float64]:
    """Return what each cut is worth; the first cut calls everything positive."""
    positives, negatives = hits[0], alarms[0]
    value = rule.value or 0.0
    if rule.kind == "f1":
        return np.asarray(2 * hits / (hits + alarms + positives))
    if rule.kind == "accuracy":
        return hits - alarms
    if rule.kind == "cost":
        return value * hits - alarms
    sensitivity, specificity = hits / positives, 1.0 - alarms / negatives
    if rule.kind == "sensitivity":
        return np.where(sensitivity >= value - 1e-12, specificity, -1.0)
    if rule.kind == "specificity":
        return np.where(specificity >= value - 1e-12, sensitivity, -1.0)
    return np.asarray(sensitivity + specificity)


def _widest(cuts: npt.NDArray[np.intp], edges: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return the edges of the widest run of consecutive cuts; cut i lies between i and i + 1."""
    breaks = np.flatnonzero(np.diff(cuts) > 1)
    firsts = cuts[np.append(0, breaks + 1)]
    lasts = cuts[np.append(breaks, len(cuts) - 1)] + 1
    best = int(np.argmax(edges[lasts] - edges[firsts]))
    return int(firsts[best]), int(lasts[best])
