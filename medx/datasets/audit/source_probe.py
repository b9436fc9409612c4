"""Can a small model tell the source from the image? Then a large one will, whether asked or not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedGroupKFold

from medx.core.statistics import bootstrap_interval
from medx.datasets.audit.result import SourceProbe
from medx.datasets.audit.scan import Scan

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

FOLDS = 5
FEWEST_OF_A_SOURCE = 30
MOST_OF_A_SOURCE = 1000
MOST_SOURCES = 20


def probe_source(scan: Scan, *, seed: int = 0) -> SourceProbe | None:
    """Return how well a linear model on thumbnails and histograms tells the sources apart.

    Regularised linear discriminants (Ledoit and Wolf 2004), cross-validated with groups kept
    together. None when fewer than two sources have 30 images in five groups each.

    Args:
        scan: Features of a dataset.
        seed: Seed of sampling and folds.
    """
    rng = np.random.default_rng(seed)
    rows = _sample(scan, rng)
    sources = [str(scan.records[row].source) for row in rows]
    names = sorted(set(sources))
    if len(names) < 2:
        return None
    target = np.array([names.index(source) for source in sources], np.intp)
    groups = [scan.records[row].group or f"row {row}" for row in rows]
    predicted = _cross_validate(_describe(scan, rows), target, groups, seed)

    def balanced_accuracy(truth: Codes, guess: Codes) -> float:
        return float(np.mean([(guess[truth == c] == c).mean() for c in np.unique(truth)]))

    return SourceProbe(
        balanced_accuracy=bootstrap_interval(
            balanced_accuracy, target, predicted, groups=groups, resamples=200, seed=seed
        ),
        chance=1 / len(names),
        images=len(rows),
        sources=names,
        folds=FOLDS,
    )


def _sample(scan: Scan, rng: np.random.Generator) -> list[int]:
    """Return rows of the sources that have enough images and groups, an even share of each."""
    rows_of: dict[str, list[int]] = {}
    groups_of: dict[str, set[str]] = {}
    for row, record in enumerate(scan.records):
        if record.source:
            rows_of.setdefault(record.source, []).append(row)
            groups_of.setdefault(record.source, set()).add(record.group or f"row {row}")
    counted = Counter({name: len(rows) for name, rows in rows_of.items()})
    chosen: list[int] = []
    for name, count in counted.most_common(MOST_SOURCES):
        if count >= FEWEST_OF_A_SOURCE and len(groups_of[name]) >= FOLDS:
            share = rng.choice(rows_of[name], min(count, MOST_OF_A_SOURCE), replace=False)
            chosen.extend(int(row) for row in share)
    return sorted(chosen)


def _describe(scan: Scan, rows: list[int]) -> Floats:
    """Return 16×16 thumbnails and histograms ``(N, 320)``, each column of unit variance."""
    thumbnails = scan.thumbnails[rows].astype(np.float64) / 255.0
    small = thumbnails.reshape(len(rows), 16, 2, 16, 2).mean((2, 4)).reshape(len(rows), -1)
    shares = np.sqrt(scan.histograms[rows].astype(np.float64))
    columns = np.concatenate([small, shares], 1)
    columns -= columns.mean(0)
    return np.asarray(columns / np.maximum(columns.std(0), 1e-3))


def _cross_validate(features: Floats, target: Codes, groups: list[str], seed: int) -> Codes:
    predicted = np.empty_like(target)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(features, target, groups):
        present = len(np.unique(target[train]))
        model = LinearDiscriminantAnalysis(
            solver="lsqr", shrinkage="auto", priors=np.full(present, 1 / present)
        )
        predicted[test] = model.fit(features[train], target[train]).predict(features[test])
    return predicted
