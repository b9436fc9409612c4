"""The test ledger: how often a model has met a test split, kept in its train run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medx.core.ledger import LEDGER_FILE, append_entry, read_entries


def record_evaluation(train_dir: Path, dataset: str, split: str, n: int) -> None:
    """Append one evaluation that included test images."""
    append_entry(train_dir / LEDGER_FILE, dataset=dataset, split=split, n=n)


def read_ledger(train_dir: Path) -> list[dict[str, Any]]:
    """Return every entry, oldest first.

    Raises:
        CheckpointError: When a line is damaged.
    """
    return read_entries(train_dir / LEDGER_FILE)


def count_evaluations(train_dir: Path, dataset: str) -> int:
    """Return how often the test split of ``dataset`` has been evaluated."""
    return sum(entry.get("dataset") == dataset for entry in read_ledger(train_dir))
