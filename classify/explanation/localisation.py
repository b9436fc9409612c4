"""Heat-maps against the boxes of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classify.explanation.config import ExplainConfig
from classify.explanation.heatmaps import heatmaps
from classify.explanation.pointing import (
    Boxes,
    box_coverage,
    energy_in_boxes,
    fit_boxes,
    near_boxes,
    overlap_with_boxes,
    pointing_hit,
)
from classify.explanation.results import Localisation
from classify.predict import Classifier
from medx.core.console import track
from medx.core.images import Pixels
from medx.core.shares import exact_share
from medx.core.statistics import bootstrap_interval
from medx.core.values import Interval
from medx.datasets.manifest import Box, Dataset, Record

ALL = "all"

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxed:
    """Images with boxes of their class.

    Args:
        rows: Which of the images, ``(M,)``.
        boxes: On the network's square, one array an image.
    """

    rows: npt.NDArray[np.int64]
    boxes: list[Boxes]


def find_boxed(
    dataset: Dataset, records: Sequence[Record], labels: Sequence[str | None], size: int
) -> Boxed:
    """Return the images whose boxes show their class.

    A box counts when it carries the label of its image; where no box of the image carries the name
    of any class, all of them count.

    Args:
        dataset: Reads native sizes.
        records: N of its records.
        labels: The class whose evidence is sought in each; None for none.
        size: Side of the network's input.
    """
    wanted = [
        (row, record, _boxes_of(record, label, dataset.classes))
        for row, (record, label) in enumerate(zip(records, labels, strict=True))
        if label is not None
    ]
    wanted = [(row, record, boxes) for row, record, boxes in wanted if boxes]
    rows, fitted = [], []
    for row, record, boxes in track(wanted, "reading boxes"):
        found = fit_boxes(boxes, dataset.read(record).native_size, size)
        if len(found):
            rows.append(row)
            fitted.append(found)
    return Boxed(rows=np.array(rows, np.int64), boxes=fitted)


def measure_localisation(
    classifier: Classifier,
    pixels: Pixels,
    boxed: Boxed,
    target: npt.NDArray[np.int64],
    groups: Sequence[str] | None,
    config: ExplainConfig,
) -> list[Localisation]:
    """Return how well maps of the true class point at its boxes: of all, then of each class.

    Args:
        classifier: The model.
        pixels: ``uint8`` ``(N, S, S[, 3])``.
        boxed: Which of them have boxes.
        target: True class indices ``(N,)``.
        groups: N patients, resampled whole; None resamples images.
        config: Method, resamples and seed.
    """
    if len(boxed.rows) == 0:
        return []
    chosen = target[boxed.rows]
    maps = heatmaps(
        classifier,
        pixels[boxed.rows],
        method=config.method,
        target=chosen,
        description="comparing with boxes",
    )
    scores = np.array([_score(m, b) for m, b in zip(maps, boxed.boxes, strict=True)])
    units = None if groups is None else np.asarray(groups)[boxed.rows]

    def summarise(label: str, kept: npt.NDArray[np.bool_]) -> Localisation:
        among = None if units is None else [str(unit) for unit in units[kept]]
        return _summarise(label, scores[kept], among, config)

    found = [summarise(ALL, np.ones(len(chosen), bool))]
    present = sorted(set(chosen.tolist()))
    if len(present) > 1:
        found += [summarise(classifier.classes[c], chosen == c) for c in present]
    return found


def _boxes_of(record: Record, label: str, classes: Sequence[str]) -> list[Box]:
    own = [box for box in record.boxes if box.label == label]
    named = any(box.label in classes for box in record.boxes)
    return own if named else list(record.boxes)


def _score(values: npt.NDArray[np.float32], boxes: Boxes) -> tuple[float, ...]:
    """Return hit, energy, IoU, the chance of a hit, the share of the boxes, and if it is empty."""
    size = len(values)
    coverage, near = box_coverage(boxes, size), near_boxes(boxes, size)
    return (
        pointing_hit(values, near),
        energy_in_boxes(values, coverage),
        overlap_with_boxes(values, coverage),
        float(near.mean()),
        float(coverage.mean()),
        float(values.max() <= 0),
    )


def _summarise(
    label: str, scores: Doubles, groups: Sequence[str] | None, config: ExplainConfig
) -> Localisation:
    def interval(column: int) -> Interval:
        return _mean_share(scores[:, column], groups, config)

    near, area = scores[:, 3].mean(), scores[:, 4].mean()
    return Localisation(
        label=label,
        n=len(scores),
        pointing_game=interval(0),
        energy_in_box=interval(1),
        iou=interval(2),
        chance={"pointing_game": near, "energy_in_box": area, "iou": area},
        empty_maps=int(scores[:, 5].sum()),
    )


def _mean_share(values: Doubles, groups: Sequence[str] | None, config: ExplainConfig) -> Interval:
    """Return the mean of shares ``(N,)`` with an interval that has a width.

    Where all are 0 or all are 1, every resample is the same: the exact binomial bounds their mean
    as it bounds that of hits. One patient alone says nothing of others.
    """
    mean = float(values.mean())
    units, of = (len(values), "images") if groups is None else (len(set(groups)), "patients")
    if mean in (0.0, 1.0):
        return exact_share(units if mean else 0, units, of=of)
    if units == 1:
        return Interval(estimate=mean, low=0.0, high=1.0, method=f"one of {of} bounds nothing")
    return bootstrap_interval(
        np.mean, values, groups=groups, resamples=config.resamples, seed=config.seed
    )
