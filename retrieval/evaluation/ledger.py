"""The test ledger: how often an encoder has met a dataset's test split."""

from __future__ import annotations

from pathlib import Path

from medx.core import settings
from medx.core.ledger import LEDGER_FILE, append_entry, read_entries
from retrieval.encoders.base import Fingerprint


def record_evaluation(encoder: Fingerprint, dataset: str, split: str, run_dir: Path) -> None:
    """Append one evaluation that included test images."""
    append_entry(
        ledger_path(), encoder=str(encoder), dataset=dataset, split=split, run_dir=str(run_dir)
    )


def count_evaluations(encoder: Fingerprint, dataset: str) -> int:
    """Return how often ``encoder`` has been evaluated on the test split of ``dataset``.

    Raises:
        CheckpointError: When a line of the ledger is damaged.
    """
    wanted = (str(encoder), dataset)
    return sum((e.get("encoder"), e.get("dataset")) == wanted for e in read_entries(ledger_path()))


def ledger_path() -> Path:
    """Return where the ledger of this output directory is."""
    return settings.output_dir() / "retrieve" / LEDGER_FILE
