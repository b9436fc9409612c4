"""What a split came to: the numbers that the table, the JSON and ``split.yaml`` show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from medx.core.values import Value
from medx.core.words import many
from medx.datasets.manifest import Record


class SplitPart(Value):
    """One split (or fold): how much is in it."""

    name: str
    records: int
    share: float = Field(description="Of all records that have a split.")
    wanted: float | None = Field(description="The share asked for; None when it was not a share.")
    units: int = Field(description="Sets of records that may not be parted.")
    labels: dict[str, int]
    sources: dict[str, int]


class KeptTogether(Value):
    """What was not parted."""

    units: int = Field(description="Sets of records that stay together, single records included.")
    groups: int = Field(description="Groups (patients, parent images) of several records.")
    repeats: int = Field(description="Records whose pixels equal those of an earlier one.")
    largest: int = Field(description="Records of the largest unit.")


class SplitResult(Value):
    """How a dataset was split."""

    schema_version: int = 1
    dataset: str
    synthetic: bool
    method: str
    stratified: bool
    seed: int | None = Field(description="None when nothing was drawn.")
    fractions: dict[str, float] | None
    holdout: str | None
    folds: int | None
    fold: int | None = Field(default=None, description="Which fold is test here.")
    kept_together: KeptTogether
    parts: list[SplitPart]
    leaks: int = Field(description="Units in more than one split; 0 unless leaks were allowed.")
    dropped: int = Field(description="Records taken out; dropped.csv lists them.")
    without_split: int = Field(description="Records that stay in the manifest without a split.")
    unreadable: dict[str, str] = Field(description="id → reason; these have no split")
    warnings: list[str]
    folder: str | None = None


def count_parts(
    records: Sequence[Record], units: Sequence[int], wanted: Mapping[str, float | None]
) -> list[SplitPart]:
    """Return how much each split holds, those of ``wanted`` first."""
    members: dict[str, list[int]] = {name: [] for name in wanted}
    for i, record in enumerate(records):
        if record.split:
            members.setdefault(record.split, []).append(i)
    total = sum(map(len, members.values()))
    return [
        SplitPart(
            name=name,
            records=len(held),
            share=len(held) / max(total, 1),
            wanted=wanted.get(name),
            units=len({units[i] for i in held}),
            labels=_tally(label for i in held for label in (records[i].label or "").split("|")),
            sources=_tally(records[i].source or "" for i in held),
        )
        for name, held in members.items()
        if held or wanted.get(name)
    ]


def count_together(
    records: Sequence[Record], units: Sequence[int], hashes: Mapping[str, str]
) -> KeptTogether:
    """Return what may not be parted."""
    groups = Counter(record.group for record in records if record.group is not None)
    found = [hashes[record.id] for record in records if record.id in hashes]
    sizes = Counter(units)
    return KeptTogether(
        units=len(sizes),
        groups=sum(count > 1 for count in groups.values()),
        repeats=len(found) - len(set(found)),
        largest=max(sizes.values(), default=0),
    )


def find_shortfalls(parts: Sequence[SplitPart]) -> list[str]:
    """Return a sentence for each share that was missed and each label that a split lacks."""
    sentences = [
        f"{part.name} holds {part.share:.1%} of the records instead of {part.wanted:.1%}"
        for part in parts
        if part.wanted and abs(part.share - part.wanted) > part.wanted / 3
    ]
    for label in sorted({label for part in parts for label in part.labels}):
        lacking = [part.name for part in parts if label not in part.labels]
        if lacking and label:
            held = sum(part.labels.get(label, 0) for part in parts)
            where = " and ".join(lacking)
            sentences.append(
                f"no {label!r} in {where}: {many(held, 'record has', 'records have')} it"
            )
    return sentences


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(name for name in names if name).items()))
