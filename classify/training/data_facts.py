"""What a run was trained on, kept in the run: the dataset may change or go."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from medx.core.files import write_json
from medx.core.values import Value
from medx.datasets.manifest import Dataset, Record

FACTS_FILE = "data.json"


class SplitFacts(Value):
    """The records of one split, as the manifest has them."""

    n: int
    counts: dict[str, int] = Field(description="label → records")
    patients: int | None = Field(description="None when not every record names one.")
    sources: dict[str, int] = Field(description="Where acquired → records; empty when unknown.")
    ids: str = Field(default="", description="Digest of the ids; empty in older runs.")


class DataFacts(Value):
    """A dataset in words and counts; ``data.json`` of a train run."""

    schema_version: int = 1
    name: str
    modality: str
    licence: str
    citation: str
    description: str
    synthetic: bool
    colour: bool
    classes: list[str]
    splits: dict[str, SplitFacts]


def save_data_facts(run_dir: Path, dataset: Dataset) -> None:
    """Write ``data.json``; manifests alone are read, no image."""
    facts = DataFacts(
        name=dataset.name,
        modality=dataset.modality,
        licence=dataset.licence,
        citation=dataset.citation,
        description=dataset.description,
        synthetic=dataset.synthetic,
        colour=dataset.colour,
        classes=list(dataset.classes),
        splits={name: _count(dataset.split(name)) for name in dataset.splits},
    )
    write_json(run_dir / FACTS_FILE, facts.model_dump())


def digest_ids(records: Iterable[Record]) -> str:
    """Return a short name for these very records, in whatever order."""
    ids = "\n".join(sorted(record.id for record in records))
    return hashlib.sha256(ids.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _count(part: Dataset) -> SplitFacts:
    groups = [record.group for record in part.records if record.group]
    return SplitFacts(
        n=len(part),
        counts=dict(Counter(record.label or "–" for record in part.records)),
        patients=len(set(groups)) if len(groups) == len(part) else None,
        sources=dict(Counter(record.source for record in part.records if record.source)),
        ids=digest_ids(part.records),
    )
