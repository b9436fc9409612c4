"""The test ledger: how often a model has met a test split, kept in its train run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medx.core.errors import CheckpointError
from medx.core.runs import now

LEDGER_FILE = "test_ledger.jsonl"


def record_evaluation(train_dir: Path, dataset: str, split: str, n: int) -> None:
    """Append one evaluation that included test images."""
    entry = {"time": now(), "dataset": dataset, "split": split, "n": n}
    with (train_dir / LEDGER_FILE).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")


def read_ledger(train_dir: Path) -> list[dict[str, Any]]:
    """Return every entry, oldest first.

    Raises:
        CheckpointError: When a line is damaged.
    """
    path = train_dir / LEDGER_FILE
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def count_evaluations(train_dir: Path, dataset: str) -> int:
    """Return how often the test split of ``dataset`` has been evaluated."""
    return sum(entry.get("dataset") == dataset for entry in read_ledger(train_dir))
