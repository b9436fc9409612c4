"""The test ledger: how often a model has met a test split, kept in its train run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from medx.core.ledger import LEDGER_FILE, append_entry, read_entries
from medx.core.runs import load_config
from medx.datasets.manifest import Record


def record_evaluation(train_dir: Path, dataset: str, split: str, n: int) -> None:
    """Append one evaluation that included test images."""
    append_entry(train_dir / LEDGER_FILE, dataset=dataset, split=split, n=n)


def meets_test(records: Iterable[Record]) -> bool:
    """Return whether any record is one that training neither learns from nor selects on."""
    return any(record.split not in ("train", "val") for record in records)


def read_ledger(train_dir: Path) -> list[dict[str, Any]]:
    """Return every entry, oldest first.

    Raises:
        CheckpointError: When a line is damaged.
    """
    return read_entries(train_dir / LEDGER_FILE)


def count_evaluations(train_dir: Path, dataset: str) -> int:
    """Return how often the test split of ``dataset`` has been evaluated."""
    return sum(entry.get("dataset") == dataset for entry in read_ledger(train_dir))


def learned_from_val(train_dir: Path) -> bool:
    """Return whether a run's networks learned from val images as well, fold by fold."""
    return load_config(train_dir).get("train_on") == "folds"


def say_learned(train_dir: Path, records: Sequence[Record]) -> list[str]:
    """Return, in a sentence, how many images of its own dataset a model learned from, if any."""
    learned = ("train", "val") if learned_from_val(train_dir) else ("train",)
    count = sum(record.split in learned for record in records)
    said = (
        f"{train_dir.resolve().name} learned from {count} of these {len(records)} images: figures "
        "of them say nothing of new ones"
    )
    return [said] if count else []


def say_selection(train_dir: Path, evaluations: int) -> str:
    """Return what a model was chosen on, and how often it has met a test split."""
    chosen = "out-of-fold predictions of train and val" if learned_from_val(train_dir) else "val"
    times = "once" if evaluations == 1 else f"{evaluations} times"
    return f"selected on {chosen}; test evaluated {times}"
