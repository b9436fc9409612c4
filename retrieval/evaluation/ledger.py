"""The test ledger: how often an encoder has met a dataset's test split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medx.core import settings
from medx.core.ledger import LEDGER_FILE, append_entry, read_entries
from retrieval.encoders.base import Fingerprint
from retrieval.index.gallery_index import GalleryIndex


def datasets_met(index: GalleryIndex, split: str) -> tuple[str, ...]:
    """Return the names of the datasets whose images of a split an index holds."""
    rows, first = index.items.split_rows(split), index.description.dataset
    if not index.description.also:
        return (first,)
    names = index.items.column("dataset")
    return tuple(dict.fromkeys(names[row] or first for row in rows))


def enter_look(encoder: Fingerprint, datasets: Sequence[str], split: str, run_dir: Path) -> int:
    """Enter a look, if it was one at test images; return how many there were, at most of a dataset.

    Raises:
        CheckpointError: When the ledger is damaged.
    """
    if split in ("test", "all"):
        for dataset in datasets:
            record_evaluation(encoder, dataset, split, run_dir)
    return max(count_evaluations(encoder, dataset) for dataset in datasets)


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
