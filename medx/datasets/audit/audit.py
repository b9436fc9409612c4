"""All checks of one dataset, in one pass over its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from medx.datasets.audit.boxes import find_bad_boxes
from medx.datasets.audit.burnt_in import SMALLEST_SIDE
from medx.datasets.audit.duplicates import NO_SPLIT, find_duplicates, find_torn_groups, named_splits
from medx.datasets.audit.near_duplicates import MOST_SHARING, find_near_duplicates
from medx.datasets.audit.result import SEVERITIES, Audit, Finding, Instance, SourceProbe
from medx.datasets.audit.scan import Scan, scan_dataset
from medx.datasets.audit.shortcuts import associate_labels, find_marks, find_shortcuts
from medx.datasets.audit.source_probe import probe_source
from medx.datasets.audit.summary import (
    count_records,
    count_sizes,
    extreme_sizes,
    find_odd_records,
    mean_histograms,
)
from medx.datasets.manifest import Dataset


def audit_dataset(dataset: Dataset, *, near_duplicates: bool = True) -> Audit:
    """Return what is wrong, or may be, with a dataset; images are decoded once, moved copies twice.

    Args:
        dataset: What to look at.
        near_duplicates: Also look for the same picture with different pixels.
    """
    scan = scan_dataset(dataset)
    associations = associate_labels(scan)
    probe = probe_source(scan)
    findings = [
        *find_odd_records(dataset, scan),
        *find_duplicates(scan),
        *find_torn_groups(dataset.records),
        *(_find_near(scan, dataset) if near_duplicates else ()),
        *find_shortcuts(associations, probe),
        *find_marks(scan),
        *find_bad_boxes(dataset.records, _sizes_by_id(scan), dataset.classes),
    ]
    smallest, largest = extreme_sizes(scan)
    return Audit(
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        records=len(dataset),
        readable=len(scan),
        splits=_count_splits(dataset),
        counts=count_records(dataset),
        sizes=count_sizes(scan),
        smallest_size=smallest,
        largest_size=largest,
        kinds=dict(Counter(scan.kinds).most_common()),
        histograms=mean_histograms(scan),
        associations=associations,
        source_probe=probe,
        findings=sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)),
        not_checked=list(_not_checked(dataset, scan, probe, near_duplicates)),
    )


def _count_splits(dataset: Dataset) -> dict[str, int]:
    counted = Counter(record.split or NO_SPLIT for record in dataset.records)
    return {name: counted[name] for name in dict.fromkeys([*dataset.splits, *counted])}


def _find_near(scan: Scan, dataset: Dataset) -> Iterator[Finding]:
    found = find_near_duplicates(scan, dataset.read)
    within: list[Instance] = []
    across: list[Instance] = []
    for first, second, correlation, moved, mirrored in found.pairs:
        pair = (scan.records[first], scan.records[second])
        once = " once aligned" if moved else " once mirrored" if mirrored else ""
        how = f"correlation {correlation:.3f}{once}"
        instance = Instance(
            ids=[record.id for record in pair],
            detail=f"{', '.join(named_splits(pair)) or NO_SPLIT}; {how}",
        )
        (across if len(named_splits(pair)) > 1 else within).append(instance)
    if across:
        yield Finding(
            check="near-duplicates-across-splits",
            severity="warning",
            sentence=f"{_pairs(across)} of different splits look like one picture saved twice",
            count=len(across),
            instances=across,
            advice="look at them: give one picture one group, then medx data split DATASET --force",
        )
    if within:
        yield Finding(
            check="near-duplicates",
            severity="info",
            sentence=f"{_pairs(within)} of the same split look like one picture saved twice",
            count=len(within),
            instances=within,
            advice="look at them; a picture that counts twice makes intervals too narrow",
        )
    if found.uncompared:
        yield Finding(
            check="near-duplicates-uncompared",
            severity="info",
            sentence=f"{found.uncompared} images were not compared: more than {MOST_SHARING} "
            "share one perceptual hash",
            count=found.uncompared,
            advice="they are too alike for this search; exact duplicates among them are found",
        )


def _pairs(instances: list[Instance]) -> str:
    return f"{len(instances)} pair{'s' if len(instances) > 1 else ''}"


def _not_checked(
    dataset: Dataset, scan: Scan, probe: SourceProbe | None, near_duplicates: bool
) -> Iterator[str]:
    records = dataset.records
    if not any(record.group for record in records):
        yield "patients across splits: no record has a group"
    if not any(record.split for record in records):
        yield "leaks between splits: no record has a split"
    if not any(record.source for record in records):
        yield "label and source: no record has a source"
    elif probe is None:
        yield "source from image: needs two sources with 30 images in five groups each"
    if missing := _missing(record.label for record in records):
        yield f"labels of {missing} records: they have none"
    small = int((scan.characters < 0).sum())
    if small:
        yield f"burnt-in text in {small} images: smaller than {SMALLEST_SIDE} pixels"
    if not near_duplicates:
        yield "near-duplicates: switched off"


def _missing(values: Iterable[str | None]) -> int:
    return sum(value is None for value in values)


def _sizes_by_id(scan: Scan) -> dict[str, tuple[int, int]]:
    return {
        record.id: (height, width)
        for record, (height, width) in zip(scan.records, scan.sizes.tolist(), strict=True)
    }
