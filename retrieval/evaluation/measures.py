"""Which measures an evaluation takes, each with what random orders would score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrieval.evaluation import chance, metrics
from retrieval.evaluation.metrics import Counts, Flags, Floats

MeasureName = Literal["precision", "recall", "ndcg", "average_precision", "reciprocal_rank"]

#: Those at a k, in the order of tables.
AT_K: tuple[MeasureName, ...] = ("precision", "recall", "ndcg", "average_precision")


@dataclass(frozen=True)
class Measure:
    """One measure; ``top_k`` is None where the whole ranking counts."""

    name: MeasureName
    top_k: int | None = None

    def of(self, relevant: Flags, total: Counts) -> Floats:
        """Return its value ``(Q,)`` for hits in rank order; see ``metrics``."""
        if self.name == "reciprocal_rank":
            return metrics.reciprocal_rank(relevant)
        top_k = self.top_k or relevant.shape[1]
        if self.name == "precision":
            return metrics.precision_at_k(relevant, top_k)
        if self.name == "recall":
            return metrics.recall_at_k(relevant, total, top_k)
        if self.name == "ndcg":
            return metrics.ndcg_at_k(relevant, total, top_k)
        return metrics.average_precision_at_k(relevant, total, top_k)

    def by_chance(self, relevant: Counts, gallery: Counts) -> Floats:
        """Return what a random order scores ``(Q,)``; see ``chance``."""
        if self.name == "reciprocal_rank":
            return chance.expected_reciprocal_rank(relevant, gallery)
        if self.name == "precision":
            return chance.expected_precision(relevant, gallery)
        if self.name == "average_precision":
            return chance.expected_average_precision_at_k(relevant, gallery, self.top_k)
        top_k = self.top_k or int(gallery.max())
        if self.name == "recall":
            return chance.expected_recall_at_k(relevant, gallery, top_k)
        return chance.expected_ndcg_at_k(relevant, gallery, top_k)


def measures_at(top_ks: Sequence[int], *, whole: bool = True) -> tuple[Measure, ...]:
    """Return every measure at every k, and where the ``whole`` ranking is known mAP and MRR."""
    found = [Measure(name, top_k) for name in AT_K for top_k in top_ks]
    if whole:
        found += [Measure("average_precision"), Measure("reciprocal_rank")]
    return tuple(found)


def measure_all(measures: Sequence[Measure], relevant: Flags, total: Counts) -> Floats:
    """Return ``(Q, M)``: each measure of each query."""
    return np.stack([measure.of(relevant, total) for measure in measures], axis=1)


def expect_all(measures: Sequence[Measure], relevant: Counts, gallery: Counts) -> Floats:
    """Return ``(Q, M)``: what random orders score."""
    return np.stack([measure.by_chance(relevant, gallery) for measure in measures], axis=1)
