"""Which dataset an index was built from, and whether that is still the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from medx.core import settings
from medx.datasets.manifest import Dataset
from medx.datasets.manifest_files import split_path

#: What of a record enters an index.
INDEXED = ("id", "path", "label", "split", "group", "source", "text")


def dataset_source(dataset: Dataset) -> str:
    """Return what ``load_dataset`` takes to find ``dataset`` again: its name, or its folder."""
    folder = Path(dataset.location).resolve()
    rendered_by_medx = folder.is_relative_to(settings.cache_dir().resolve())
    return str(folder) if folder.is_dir() and not rendered_by_medx else dataset.name


def dataset_digest(dataset: Dataset) -> str:
    """Return a hash of what is indexed of each record and of the sizes of the files.

    It opens no image, so it cannot tell an edit that leaves a file as long as it was.
    """
    digest = hashlib.sha256()
    for record in dataset.records:
        digest.update(json.dumps([getattr(record, name) for name in INDEXED]).encode())
    if dataset.root is not None:
        for name in dict.fromkeys(split_path(record.path)[0] for record in dataset.records):
            digest.update(f"\n{_size(dataset.root / name)}".encode())
    return digest.hexdigest()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
