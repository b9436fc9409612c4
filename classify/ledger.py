"""The test ledger: how often a model has met a test split, kept in its train run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from classify.training.data_facts import FACTS_FILE, digest_ids
from medx.core.ledger import LEDGER_FILE, append_entry, read_entries
from medx.core.runs import load_config, load_json
from medx.datasets.manifest import Dataset, Record

#: What a network learns from, or is chosen on.
SEEN = ("train", "val")


def record_evaluation(
    train_dir: Path, dataset: str, split: str, n: int, *, ids: str | None = None
) -> None:
    """Append one evaluation that included test images; ``ids`` tells splits of a name apart."""
    append_entry(train_dir / LEDGER_FILE, dataset=dataset, split=split, n=n, test_ids=ids)


def digest_test(dataset: Dataset) -> str:
    """Return a short name for the test images of a dataset: another split has another one."""
    return digest_ids(record for record in dataset.records if record.split not in SEEN)


def meets_test(records: Iterable[Record]) -> bool:
    """Return whether any record is one that training neither learns from nor selects on."""
    return any(record.split not in SEEN for record in records)


def read_ledger(train_dir: Path) -> list[dict[str, Any]]:
    """Return every entry, oldest first.

    Raises:
        CheckpointError: When a line is damaged.
    """
    return read_entries(train_dir / LEDGER_FILE)


def count_evaluations(train_dir: Path, dataset: str, ids: str | None = None) -> int:
    """Return how often the test split of ``dataset`` has been evaluated.

    Args:
        train_dir: Folder of the train run.
        dataset: Its name.
        ids: Of ``digest_test``; looks at another test split of the name are left out then.
    """
    return sum(
        entry.get("dataset") == dataset
        and (ids is None or entry.get("test_ids") in (None, ids))  # older entries do not say
        for entry in read_ledger(train_dir)
    )


def learned_from_val(train_dir: Path) -> bool:
    """Return whether a run's networks learned from val images as well, fold by fold."""
    return load_config(train_dir).get("train_on") == "folds"


def is_own(train_dir: Path, dataset: Dataset) -> bool:
    """Return whether train and val of a dataset are those of a run, as far as the run knows."""
    facts = train_dir / FACTS_FILE
    stored = load_json(facts).get("splits", {}) if facts.is_file() else {}
    for name in SEEN:
        ids = stored.get(name, {}).get("ids")
        if ids and ids != digest_ids(r for r in dataset.records if r.split == name):
            return False
    return True


def say_learned(train_dir: Path, dataset: Dataset, records: Sequence[Record]) -> list[str]:
    """Return, in a sentence, how many of some images a model learned from, if any.

    Args:
        train_dir: Folder of the train run.
        dataset: All of a dataset of the name that the run was trained on.
        records: The images.
    """
    if not is_own(train_dir, dataset):
        return [
            f"{train_dir.resolve().name} was trained on another split of {dataset.name}: it may "
            "have learned from some of these images"
        ]
    learned = SEEN if learned_from_val(train_dir) else ("train",)
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
