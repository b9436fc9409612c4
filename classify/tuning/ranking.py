"""What a training of a sweep is judged by, on its val split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classify.evaluation.ranking import macro_auroc
from classify.predict import load_classifier
from classify.results import TrainResult
from classify.robustness.corruptions import ACQUISITION
from classify.robustness.measure import corrupted_probabilities
from medx.core.values import Interval
from medx.datasets.manifest import Dataset

#: Of the changes of acquisition; medium strength.
SEVERITY = 3

LOWER_IS_BETTER = ("nll",)


def judge(
    select: str, result: TrainResult, run_dir: Path, dataset: Dataset, *, limit: int | None
) -> Interval:
    """Return the selection of a finished training; NaN bounds where it has no interval.

    Args:
        select: A name of ``search_space.SELECTIONS``.
        result: Of the training.
        run_dir: Of the training.
        dataset: Its train and val.
        limit: Only the first N of val were used.
    """
    if select == "shifted_auroc":
        value = shifted_auroc(run_dir, dataset, limit=limit)
        return Interval(estimate=value, low=float("nan"), high=float("nan"))
    found = result.val[select]
    if found is None:
        return Interval(estimate=float("nan"), low=float("nan"), high=float("nan"))
    return found


def shifted_auroc(run_dir: Path, dataset: Dataset, *, limit: int | None) -> float:
    """Return the mean val AUC under each change of acquisition.

    Args:
        run_dir: Of a training.
        dataset: Its val split is read.
        limit: Use only the first N of val.
    """
    classifier = load_classifier(run_dir, "cpu")
    part = dataset.split("val", limit=limit)
    loaded = part.load_pixels(classifier.size)
    kept = {record.id for record in loaded.records}
    target = part.where(lambda record: record.id in kept).targets()
    pixels = np.stack([classifier.fit(image) for image in loaded.pixels])
    areas = [
        macro_auroc(
            target, corrupted_probabilities(classifier, pixels, corruption, SEVERITY, seed=0)
        )
        for corruption in ACQUISITION
    ]
    return float(np.mean(areas))
