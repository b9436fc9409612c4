"""Finding what stands in more than one split, and dropping it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medx.core.errors import InputError
from medx.datasets.manifest import SPLITS, Record


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A record that was taken out of a dataset, and why."""

    record: Record
    reason: str


def find_leaks(records: Sequence[Record], units: Sequence[int]) -> list[list[Record]]:
    """Return the records of each unit that stands in more than one split."""
    members: dict[int, list[Record]] = {}
    for record, unit in zip(records, units, strict=True):
        if record.split:
            members.setdefault(unit, []).append(record)
    return [unit for unit in members.values() if len({record.split for record in unit}) > 1]


def drop_leaks(leaks: Sequence[Sequence[Record]], hashes: Mapping[str, str]) -> list[Dropped]:
    """Return what to drop: of each leaking unit all but what is in test, else in val."""
    dropped = []
    for unit in leaks:
        last = max((str(record.split) for record in unit), key=_rank)
        kept = [record for record in unit if record.split == last]
        dropped += [
            Dropped(record=record, reason=_link(record, kept, hashes))
            for record in unit
            if record.split != last
        ]
    return dropped


def drop_repeats(records: Sequence[Record], hashes: Mapping[str, str]) -> list[Dropped]:
    """Return all but the first of the records of each split (or of none) with equal pixels."""
    first: dict[tuple[str | None, str], Record] = {}
    dropped = []
    for record in records:
        if pixels := hashes.get(record.id):
            earlier = first.setdefault((record.split, pixels), record)
            if earlier is not record:
                dropped.append(Dropped(record=record, reason=f"repeats the pixels of {earlier.id}"))
    return dropped


def refuse(leaks: Sequence[Sequence[Record]], hashes: Mapping[str, str]) -> None:
    """Raise ``InputError`` that says how much leaks, and where."""
    tally: dict[str, int] = {}
    for unit in leaks:
        sides = {str(record.split) for record in unit}
        equal = _shares_pixels(unit, hashes)
        what = f"{'pictures' if equal else 'groups'} in {' and '.join(sorted(sides, key=_rank))}"
        tally[what] = tally.get(what, 0) + 1
    found = "; ".join(f"{count} {what}" for what, count in tally.items())
    raise InputError(
        f"the split leaks: {found} (first: {', '.join(record.id for record in leaks[0][:4])})",
        hint="--drop-leaks drops them from train, then from val; --allow-leaks keeps them",
    )


def _shares_pixels(unit: Sequence[Record], hashes: Mapping[str, str]) -> bool:
    sides: dict[str, str | None] = {}
    return any(
        sides.setdefault(hashes[record.id], record.split) != record.split
        for record in unit
        if record.id in hashes
    )


def _rank(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _link(record: Record, kept: Sequence[Record], hashes: Mapping[str, str]) -> str:
    pixels = hashes.get(record.id)
    for other in kept:
        if pixels is not None and hashes.get(other.id) == pixels:
            return f"equals {other.id} of {other.split}"
    for other in kept:
        if record.group is not None and other.group == record.group:
            return f"same group as {other.id} of {other.split}"
    return f"linked through others to {kept[0].id} of {kept[0].split}"
