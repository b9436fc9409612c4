"""What is in a dataset, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from medx.datasets.audit.result import Count, Finding, Instance, Severity
from medx.datasets.audit.scan import Scan
from medx.datasets.manifest import Dataset, Record

#: What a row of several possible labels says when none applies.
NO_FINDING = "none"
SIZES_SHOWN = 20
HISTOGRAMS_SHOWN = 30

#: By what histograms are drawn.
NAMES: dict[str, Callable[[Record], list[str]]] = {
    "label": lambda record: labels_of(record),
    "source": lambda record: [record.source] if record.source else [],
    "split": lambda record: [record.split] if record.split else [],
}


def labels_of(record: Record) -> list[str]:
    """Return the labels of a record, none to many."""
    return record.label.split("|") if record.label else []


def count_records(dataset: Dataset) -> list[Count]:
    """Return how many records have each label, split and source."""
    counted: Counter[tuple[str | None, str | None, str | None]] = Counter()
    for record in dataset.records:
        labels: list[str | None] = [*labels_of(record)] or [None]
        for label in labels:
            counted[label, record.split, record.source] += 1
    rows = sorted(counted.items(), key=lambda item: [name or "" for name in item[0]])
    return [
        Count(label=label, split=split, source=source, images=images)
        for (label, split, source), images in rows
    ]


def count_sizes(scan: Scan) -> dict[str, int]:
    """Return how many images have each of the most common sizes, as ``width×height``."""
    counted = Counter(f"{width}×{height}" for height, width in scan.sizes.tolist())
    return dict(counted.most_common(SIZES_SHOWN))


def extreme_sizes(scan: Scan) -> tuple[str, str]:
    """Return the sizes with the fewest and the most pixels."""
    if not len(scan):
        return "–", "–"
    areas = scan.sizes.astype(np.int64).prod(1)
    ends = scan.sizes[[int(areas.argmin()), int(areas.argmax())]]
    smallest, largest = (f"{width}×{height}" for height, width in ends.tolist())
    return smallest, largest


def mean_histograms(scan: Scan) -> dict[str, dict[str, list[float]]]:
    """Return the mean histogram of each label, source and split, the most common of each."""
    table: dict[str, dict[str, list[float]]] = {}
    for kind, names_of in NAMES.items():
        rows: dict[str, list[int]] = {}
        for row, record in enumerate(scan.records):
            for name in names_of(record):
                rows.setdefault(name, []).append(row)
        common = sorted(rows, key=lambda name: (-len(rows[name]), name))[:HISTOGRAMS_SHOWN]
        table[kind] = {
            name: scan.histograms[rows[name]].mean(0, dtype=np.float64).round(6).tolist()
            for name in common
        }
    return table


def find_odd_records(dataset: Dataset, scan: Scan) -> Iterator[Finding]:
    """Yield unreadable and blank images, labels that are no class, and classes never trained on."""
    if scan.unreadable:
        broken = [Instance(ids=[name], detail=why) for name, why in scan.unreadable]
        advice = "fetch them again, or remove their rows"
        yield _finding("unreadable", "error", "cannot be read", broken, advice)
    blank = [Instance(ids=[scan.records[row].id]) for row in np.flatnonzero(scan.blank)]
    if blank:
        advice = "look at them, then remove their rows"
        yield _finding("blank", "warning", "show next to nothing", blank, advice)
    unknown = [
        Instance(ids=[r.id], detail=str(r.label))
        for r in dataset.records
        if not set(labels_of(r)) <= {*dataset.classes, NO_FINDING}
    ]
    if unknown and dataset.classes:
        advice = f"classes in dataset.yaml are {', '.join(dataset.classes)}: correct either"
        yield _finding(
            "unknown-labels", "warning", "have a label that is no class", unknown, advice
        )
    yield from _find_untrained(dataset)


def _find_untrained(dataset: Dataset) -> Iterator[Finding]:
    trained = {label for r in dataset.records if r.split == "train" for label in labels_of(r)}
    others = Counter(
        label for r in dataset.records if r.split in ("val", "test") for label in labels_of(r)
    )
    missing = {label: count for label, count in others.items() if label not in trained}
    if trained and missing:
        yield Finding(
            check="classes-missing-from-train",
            severity="warning",
            sentence=f"no image in train is labelled {', '.join(sorted(missing))}",
            count=len(missing),
            counts=missing,
            advice="no model can learn them: split again, medx data split DATASET --force",
        )


def _finding(
    check: str, severity: Severity, what: str, found: list[Instance], advice: str
) -> Finding:
    noun = "image" if len(found) == 1 else "images"
    return Finding(
        check=check,
        severity=severity,
        sentence=f"{len(found)} {noun} {what}",
        count=len(found),
        instances=found,
        advice=advice,
    )
