"""Sets of classes that hold the truth as often as promised: split-conformal prediction.

The sets are those of Sadinle, Lei and Wasserman (2019): a class is in when its probability reaches
a threshold taken from val. With a threshold a class the promise holds within each class, and so for
any mix of classes; with one for all it may be kept by the common class at the cost of the rare one.

The promise is exact for images exchangeable with val. Val also chose the epoch and the calibration,
so it is approximate here; an evaluation shows what was reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from medx.core.bootstrap import Bootstrap
from medx.core.shares import measure_share
from medx.core.values import Interval, Value

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ConformalSets:
    """Which classes an image may be of.

    Args:
        level: Share of images whose set is to hold the truth, 0 to 1.
        thresholds: Least probability of each class to be in a set; 0 or less is always in, which
            is all that too few val images of a class can promise.
        by_class: Whether the promise was made for each class.
    """

    level: float
    thresholds: tuple[float, ...]
    by_class: bool = True

    def sets(self, probs: Floats) -> npt.NDArray[np.bool_]:
        """Return which classes are in the set of each image ``(N, C)``; a set may be empty."""
        return np.asarray(probs, np.float64) >= np.array(self.thresholds)


class ConformalResult(Value):
    """How often conformal sets held the truth."""

    level: float = Field(description="What was asked for.")
    by_class: bool = Field(description="One threshold a class, so that each class is covered.")
    calibrated_on: int = Field(description="Images the thresholds were taken from.")
    coverage: Interval | None = Field(description="Share of sets that held the truth.")
    class_coverage: dict[str, Interval | None]
    mean_size: float
    single: Interval | None = Field(description="Share of sets with one class.")
    empty: Interval | None = Field(description="Share of sets without any.")
    sizes: list[int] = Field(description="Images by size of their set, from 0.")
    note: str = (
        "val also chose the epoch and the calibration, so the promise is approximate; it is made "
        "for images like those of val"
    )


def fit_conformal(
    probs: Floats, target: Ints, level: float, *, by_class: bool = True
) -> ConformalSets:
    """Return the sets that hold the truth of a share ``level`` of images like these.

    Args:
        probs: Of val, ``(N, C)``.
        target: Class indices ``(N,)``.
        level: Above 0 and below 1.
        by_class: Promise it for each class; else for all images together.

    Raises:
        ValueError: When ``level`` is out of range or there is no image.
    """
    if not 0 < level < 1 or len(target) == 0:
        raise ValueError(f"level must be > 0 and < 1 and N >= 1, got {level} and {len(target)}")
    truth = np.asarray(probs, np.float64)[np.arange(len(target)), target]
    classes = range(probs.shape[1])
    if by_class:
        thresholds = [_threshold(truth[target == c], level) for c in classes]
    else:
        thresholds = [_threshold(truth, level)] * len(classes)
    return ConformalSets(level=level, thresholds=tuple(thresholds), by_class=by_class)


def measure_conformal(
    conformal: ConformalSets,
    probs: Floats,
    target: Ints,
    classes: tuple[str, ...],
    how: Bootstrap,
    *,
    calibrated_on: int,
) -> ConformalResult:
    """Return what the sets of N images with known truth reached."""
    sets = conformal.sets(probs)
    held, sizes = sets[np.arange(len(target)), target], sets.sum(axis=1)
    rows = [np.flatnonzero(target == c) for c in range(len(classes))]
    return ConformalResult(
        level=conformal.level,
        by_class=conformal.by_class,
        calibrated_on=calibrated_on,
        coverage=measure_share(held, how),
        class_coverage={
            name: measure_share(held[row], how.of(row))
            for name, row in zip(classes, rows, strict=True)
        },
        mean_size=float(sizes.mean()),
        single=measure_share(sizes == 1, how),
        empty=measure_share(sizes == 0, how),
        sizes=np.bincount(sizes, minlength=len(classes) + 1).tolist(),
    )


def _threshold(truth: npt.NDArray[np.float64], level: float) -> float:
    """Return the probability that all but the allowed share of true classes reach."""
    # The new image counts as one more; without it, small n would promise too much.
    rank = math.ceil((len(truth) + 1) * level - 1e-9)
    if rank > len(truth):
        return 0.0
    return float(np.sort(truth)[len(truth) - rank])
