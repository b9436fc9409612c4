"""Identical pixels: repeated rows, leaks between splits, labels that contradict each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from medx.datasets.audit.result import Finding, Instance
from medx.datasets.audit.scan import Scan
from medx.datasets.manifest import SPLITS, Record

#: Key of records that no split holds.
NO_SPLIT = "no split"


def find_duplicates(scan: Scan) -> Iterator[Finding]:
    """Yield what identical pixels tell."""
    copies: dict[bytes, list[Record]] = defaultdict(list)
    for record, content in zip(scan.records, scan.contents, strict=True):
        copies[content].append(record)
    sets = [records for records in copies.values() if len(records) > 1]
    yield from _find_shared(sets)
    yield from _find_conflicts(sets)
    yield from _find_repeated(sets)


def find_torn_groups(records: Iterable[Record]) -> Iterator[Finding]:
    """Yield the groups (patients, parent images) that stand in more than one split."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.group:
            groups[record.group].append(record)
    torn = [members for members in groups.values() if len(named_splits(members)) > 1]
    if not torn:
        return
    counts = Counter("+".join(named_splits(members)) for members in torn)
    yield Finding(
        check="groups-across-splits",
        severity="error",
        sentence=f"{_many(len(torn), 'group')} (patients or parent images) "
        f"{_stand(len(torn))} in more than one split: {_listed(counts)}",
        count=len(torn),
        counts=dict(counts),
        instances=[
            Instance(ids=[r.id for r in members], detail=", ".join(named_splits(members)))
            for members in torn
        ],
        advice="split again, groups kept together: medx data split DATASET --force",
    )


def named_splits(records: Iterable[Record]) -> list[str]:
    """Return the splits of some records in train, val, test order."""
    present = {record.split for record in records if record.split}
    return sorted(present, key=lambda s: (SPLITS.index(s) if s in SPLITS else 9, s))


def _find_shared(sets: list[list[Record]]) -> Iterator[Finding]:
    shared = [records for records in sets if len(named_splits(records)) > 1]
    if not shared:
        return
    counts = Counter("+".join(named_splits(records)) for records in shared)
    yield Finding(
        check="duplicates-across-splits",
        severity="error",
        sentence=f"{_many(len(shared), 'image')} {_stand(len(shared))} pixel for pixel in more "
        f"than one split: {_listed(counts)}",
        count=len(shared),
        counts=dict(counts),
        instances=[
            Instance(ids=[r.id for r in records], detail=", ".join(named_splits(records)))
            for records in shared
        ],
        advice="keep the split and drop what leaks: medx data split DATASET --keep-official "
        "--drop-leaks",
    )


def _find_conflicts(sets: list[list[Record]]) -> Iterator[Finding]:
    conflicts = [records for records in sets if len(_labels(records)) > 1]
    if not conflicts:
        return
    yield Finding(
        check="conflicting-labels",
        severity="error",
        sentence=f"{_many(len(conflicts), 'image')} {_stand(len(conflicts))} under several labels, "
        "pixel for pixel the same",
        count=len(conflicts),
        counts=dict(Counter(" / ".join(_labels(records)) for records in conflicts)),
        instances=[
            Instance(ids=[r.id for r in records], detail=" / ".join(_labels(records)))
            for records in conflicts
        ],
        advice="ask who labelled them; until then drop all copies",
    )


def _find_repeated(sets: list[list[Record]]) -> Iterator[Finding]:
    counts: Counter[str] = Counter()
    instances = []
    for records in sets:
        by_split: dict[str, list[str]] = defaultdict(list)
        for record in records:
            by_split[record.split or NO_SPLIT].append(record.id)
        for split, ids in by_split.items():
            if len(ids) > 1:
                counts[split] += len(ids) - 1
                instances.append(Instance(ids=ids, detail=split))
    if not instances:
        return
    total = counts.total()
    yield Finding(
        check="duplicates",
        severity="warning",
        sentence=f"{_many(total, 'row')} repeat{'s' if total == 1 else ''} an image of the same "
        f"split: {_listed(counts)}",
        count=total,
        counts=dict(counts),
        instances=instances,
        advice="keep the first of each: medx data split DATASET --keep-official --drop-duplicates",
    )


def _labels(records: list[Record]) -> list[str]:
    """Return the different labels; the order of several in one row means nothing."""
    return sorted({"|".join(sorted(r.label.split("|"))) for r in records if r.label})


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} in {name.replace('+', ' and ')}" for name, count in counts.items())


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _stand(count: int) -> str:
    return "stands" if count == 1 else "stand"
