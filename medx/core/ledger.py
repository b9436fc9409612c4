"""Ledgers: one JSON line for each time something happened, oldest first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from medx.core.errors import CheckpointError
from medx.core.runs import now

LEDGER_FILE = "test_ledger.jsonl"


def append_entry(path: Path, **entry: Any) -> None:
    """Append one entry with its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"time": now(), **entry}) + "\n")


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Return every entry, oldest first; none when there is no ledger yet.

    Raises:
        CheckpointError: When a line is damaged.
    """
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
