"""Splitting a dataset by any of the methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from medx.core.console import warn
from medx.core.errors import InputError, UnknownNameError
from medx.core.words import many
from medx.datasets.manifest import SPLITS, Dataset, Record
from medx.datasets.split.assign import assign_units, build_units
from medx.datasets.split.config import Holdout, SplitConfig
from medx.datasets.split.leaks import Dropped, drop_leaks, drop_repeats, find_leaks, refuse
from medx.datasets.split.result import (
    SplitResult,
    count_parts,
    count_together,
    find_shortfalls,
)
from medx.datasets.split.units import find_units, hash_images

#: What a holdout may go by besides columns of one's own.
OWN_COLUMNS = ("group", "label", "source", "split")


@dataclass(frozen=True, kw_only=True, eq=False)
class Splitting:
    """A split dataset.

    Args:
        records: What stays, in the order of the dataset; unreadable ones without a split. With
            folds the splits are ``fold-0``, ``fold-1`` and so on.
        dropped: What was taken out.
        units: Which records may not be parted, one number a record.
        result: The summary.
    """

    records: tuple[Record, ...]
    dropped: tuple[Dropped, ...]
    units: tuple[int, ...]
    result: SplitResult


def split_dataset(dataset: Dataset, config: SplitConfig) -> Splitting:
    """Give every readable record exactly one split; decodes each image once.

    Raises:
        InputError: When the split would leak, the shares cannot be met, or no record has the
            column to hold out by.
        UnknownNameError: When a value to hold out is in no record.
    """
    hashes, unreadable = hash_images(dataset)
    if unreadable:
        first = next(iter(unreadable.values()))
        stay = many(len(unreadable), "unreadable image stays", "unreadable images stay")
        warn(f"{stay} without a split, first: {first}")
    readable = [record for record in dataset.records if record.id in hashes]
    if not readable:
        raise InputError(f"no readable image in {dataset.name}", hint="check the dataset")
    split, dropped = _split(readable, hashes, config)
    by_id = {record.id: record for record in split}
    gone = {entry.record.id for entry in dropped}
    records = tuple(
        by_id.get(record.id, replace(record, split=None))
        for record in dataset.records
        if record.id not in gone
    )
    units = find_units(records, hashes)
    return Splitting(
        records=records,
        dropped=tuple(dropped),
        units=tuple(units),
        result=_summarise(dataset, config, records, units, hashes, unreadable, len(dropped)),
    )


def rotate_folds(records: Sequence[Record], fold: int, folds: int) -> tuple[Record, ...]:
    """Return the records with fold number ``fold`` as test, the next as val, the rest as train."""
    names = {f"fold-{i}": "train" for i in range(folds)}
    names |= {f"fold-{(fold + 1) % folds}": "val", f"fold-{fold}": "test"}
    return tuple(replace(r, split=names[r.split] if r.split else None) for r in records)


def wanted_shares(config: SplitConfig) -> dict[str, float | None]:
    """Return the parts that a method makes, in order, with the share wanted of each."""
    if config.folds:
        return {f"fold-{i}": 1 / config.folds for i in range(config.folds)}
    if config.keep_official or config.holdout:
        return dict.fromkeys(SPLITS)
    return {name: share for name, share in _shares(config).items() if share}


def _split(
    records: Sequence[Record], hashes: Mapping[str, str], config: SplitConfig
) -> tuple[list[Record], list[Dropped]]:
    """Return the records with their splits, and what was dropped."""
    if config.keep_official:
        if not any(record.split for record in records):
            raise InputError("the dataset has no split to keep")
        kept, dropped = _settle(records, hashes, config)
        return kept, dropped
    if config.holdout:
        marked = _mark_held_out(records, config.holdout)
        kept, dropped = _settle(marked, hashes, config)
        held = {record.id for record in kept if record.split == "test"}
        rest = [record for record in kept if record.id not in held]
        shares = {name: share for name, share in _shares(config).items() if name != "test"}
        placed = {record.id: record for record in _place(rest, hashes, shares, config)}
        return [placed.get(record.id, record) for record in kept], dropped
    blank = [replace(record, split=None) for record in records]
    kept, dropped = _settle(blank, hashes, config)
    shares = {name: share or 0.0 for name, share in wanted_shares(config).items()}
    return _place(kept, hashes, shares, config), dropped


def _settle(
    records: Sequence[Record], hashes: Mapping[str, str], config: SplitConfig
) -> tuple[list[Record], list[Dropped]]:
    """Drop what the settings let drop; refuse what leaks otherwise."""
    leaks = find_leaks(records, find_units(records, hashes))
    if leaks and not (config.drop_leaks or config.allow_leaks):
        refuse(leaks, hashes)
    dropped = drop_leaks(leaks, hashes) if config.drop_leaks else []
    kept = _without(records, dropped)
    if config.drop_duplicates:
        dropped += drop_repeats(kept, hashes)
        kept = _without(records, dropped)
    return kept, dropped


def _place(
    records: Sequence[Record],
    hashes: Mapping[str, str],
    shares: Mapping[str, float],
    config: SplitConfig,
) -> list[Record]:
    """Return the records, each with one of the splits that have a share."""
    names = [name for name, share in shares.items() if share]
    members = find_units(records, hashes)
    units = build_units(records, members, stratify=config.stratify)
    fractions = [shares[name] / sum(shares.values()) for name in names]
    if len(units) < len(names):
        raise InputError(
            f"{len(units)} groups cannot fill {len(names)} splits ({', '.join(names)})",
            hint="records of one group, and equal pictures, are never parted",
        )
    largest = max(unit.size for unit in units)
    if largest > max(fractions) * len(records) and len(names) > 1:
        raise InputError(
            f"one group holds {largest} of {len(records)} records, more than the largest split "
            f"is to get ({max(fractions):.0%})",
            hint=f"give one split at least {largest / len(records):.2f}, or make fewer folds",
        )
    sides = assign_units(units, fractions, seed=config.seed)
    return [replace(r, split=names[sides[unit]]) for r, unit in zip(records, members, strict=True)]


def _mark_held_out(records: Sequence[Record], holdout: Holdout) -> list[Record]:
    """Return the records with ``test`` for what is held out and ``train`` for the rest."""
    found = Counter(_value(record, holdout.column) for record in records)
    named = {value for value in found if value}
    if not named:
        raise InputError(
            f"no record has a column {holdout.column!r} to hold out by",
            hint=f"columns: {', '.join(_columns(records))}",
        )
    for value in holdout.values:
        if value not in named:
            raise UnknownNameError(holdout.column, value, named)
    if named == {*holdout.values} and not found[None]:
        raise InputError(f"--holdout {holdout} leaves nothing to train on")
    if found[None]:
        lacking = many(found[None], "record has", "records have")
        warn(f"{lacking} no {holdout.column}: not held out")
    held = {*holdout.values}
    return [
        replace(r, split="test" if _value(r, holdout.column) in held else "train") for r in records
    ]


def _value(record: Record, column: str) -> str | None:
    if column in OWN_COLUMNS:
        return getattr(record, column) or None
    return record.extra.get(column) or None


def _columns(records: Sequence[Record]) -> list[str]:
    """Return the columns that hold something to hold out by."""
    names = {*OWN_COLUMNS, *(name for record in records for name in record.extra)}
    return sorted(name for name in names if any(_value(record, name) for record in records))


def _shares(config: SplitConfig) -> dict[str, float]:
    return dict(zip(SPLITS, config.fractions, strict=True))


def _without(records: Sequence[Record], dropped: Sequence[Dropped]) -> list[Record]:
    gone = {entry.record.id for entry in dropped}
    return [record for record in records if record.id not in gone]


def _summarise(
    dataset: Dataset,
    config: SplitConfig,
    records: Sequence[Record],
    units: Sequence[int],
    hashes: Mapping[str, str],
    unreadable: Mapping[str, str],
    dropped: int,
) -> SplitResult:
    parts = count_parts(records, units, wanted_shares(config))
    drawn = not config.keep_official
    return SplitResult(
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        method=_method(config),
        stratified=config.stratify and drawn,
        seed=config.seed if drawn else None,
        fractions=None if config.keep_official or config.folds else _shares(config),
        holdout=str(config.holdout) if config.holdout else None,
        folds=config.folds,
        kept_together=count_together(records, units, hashes),
        parts=parts,
        leaks=len(find_leaks(records, units)),
        dropped=dropped,
        without_split=sum(not record.split for record in records),
        unreadable=dict(unreadable),
        warnings=find_shortfalls(parts),
    )


def _method(config: SplitConfig) -> str:
    if config.keep_official:
        return "official"
    if config.holdout:
        return "holdout"
    return "folds" if config.folds else "fractions"
