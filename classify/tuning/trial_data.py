"""The data a sweep sees: train and val, whole or in folds; never test."""

from __future__ import annotations

from dataclasses import replace

from medx.core.errors import InputError
from medx.datasets.manifest import Dataset
from medx.datasets.split.assign import assign_units, build_units
from medx.datasets.split.units import find_units, hash_images


def without_test(dataset: Dataset) -> Dataset:
    """Return the records of train and val alone; nothing else can be reached from them."""
    return dataset.where(lambda record: record.split in ("train", "val"))


def make_folds(dataset: Dataset, folds: int, *, seed: int) -> list[Dataset]:
    """Return one dataset a fold, each with another part of train and val as its val.

    Patients and equal pictures stay together; classes are mixed alike in every fold.

    Raises:
        InputError: When there are too few patients or pictures.
    """
    pool = without_test(dataset)
    hashes, _ = hash_images(pool)
    owners = find_units(pool.records, hashes)
    units = build_units(pool.records, owners, stratify=True)
    if len(units) < folds:
        raise InputError(
            f"{len(units)} patients or pictures cannot fill {folds} folds", hint="lower --folds"
        )
    sides = assign_units(units, [1 / folds] * folds, seed=seed)
    return [
        replace(
            pool,
            records=tuple(
                replace(record, split="val" if sides[owner] == fold else "train")
                for record, owner in zip(pool.records, owners, strict=True)
            ),
        )
        for fold in range(folds)
    ]
