"""What train runs gain or lose from val to test, and from home to elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.config import CompareConfig
from classify.evaluation.comparison import Gap
from classify.evaluation.entry import Entry, enter
from classify.evaluation.metrics import Case, Sampled, sample_metrics
from classify.ledger import learned_from_val
from classify.predict import Classifier
from medx.core.bootstrap import Bootstrap
from medx.core.statistics import percentile_interval

GAPS = ("auroc", "accuracy", "balanced_accuracy")


def find_gaps(
    entries: Sequence[Entry], config: CompareConfig, folders: dict[Classifier, Path]
) -> tuple[list[Gap], list[str]]:
    """Return val → split on a run's own dataset, and from there to each other, and what to note."""
    gaps: list[Gap] = []
    notes: list[str] = []
    for classifier in dict.fromkeys(entry.classifier for entry in entries):
        mine = [entry for entry in entries if entry.classifier is classifier]
        home = next((entry for entry in mine if entry.own), None)
        if home is None:
            notes.append(
                f"{classifier.name} was trained on {classifier.description.dataset}, which is not "
                "among the datasets, or on another split of it: no gap can be stated"
            )
            continue
        if learned_from_val(folders[classifier]):
            notes.append(f"{classifier.name} learned from val too: no gap from val can be stated")
        elif config.split == "test" and "val" in home.place.mapped.splits:
            val = enter(classifier, home.place, config, own=True, split="val")
            gaps.append(_gap(val, home))
        gaps += [_gap(home, entry) for entry in mine if entry is not home]
    return gaps, notes + [_say_classes(gap) for gap in gaps if gap.left_out]


def _gap(start: Entry, end: Entry) -> Gap:
    """Return end less start; the two hold different images, so their samples are independent.

    Means over other classes would be other figures: both are of the classes that both hold.
    """
    common = np.intersect1d(start.scored.target, end.scored.target)
    every = np.union1d(start.scored.target, end.scored.target)
    before = _sample(start, common, start.how)
    # Two streams of one seed would move together.
    after = _sample(end, common, replace(end.how, seed=end.how.seed + 1))
    classes = start.classifier.classes
    return Gap(
        classifier=start.classifier.name,
        start=start.where,
        end=end.where,
        left_out=[classes[c] for c in every if c not in common],
        metrics={
            name: percentile_interval(
                float(after.estimates[name][-1] - before.estimates[name][-1]),
                _last(after, name) - _last(before, name),
            )
            if before and after
            else None
            for name in GAPS
        },
    )


def _sample(entry: Entry, classes: npt.NDArray[np.int64], how: Bootstrap) -> Sampled | None:
    """Return the metrics of the images of some classes; None when there are none."""
    case = entry.scored.case
    rows = np.flatnonzero(np.isin(case.target, classes))
    if len(rows) == 0:
        return None
    part = Case(
        target=case.target[rows],
        probs=case.probs[rows],
        predicted=case.predicted[rows],
        measured=classes.tolist(),
    )
    return sample_metrics(part, how.of(rows))


def _last(sampled: Sampled, name: str) -> npt.NDArray[np.float64]:
    return sampled.samples[name][:, -1]


def _say_classes(gap: Gap) -> str:
    return (
        f"the gap of {gap.classifier} from {gap.start} to {gap.end} is of the classes that both "
        f"hold: without {', '.join(gap.left_out)}"
    )
