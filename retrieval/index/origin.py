"""Which datasets an index was built from, and whether they are still the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from medx.core import settings
from medx.core.errors import InputError, UnknownNameError
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import split_path
from retrieval.index.description import DatasetOrigin, IndexDescription
from retrieval.index.items import Item, extra_columns

#: What of a record enters an index, besides its extra columns.
INDEXED = ("id", "path", "label", "split", "group", "source", "text")


def item_of(record: Record, content_hash: str, dataset: str) -> Item:
    """Return what an index keeps of a record of ``dataset``, a name."""
    known = {name: getattr(record, name) for name in INDEXED}
    return Item(
        **known,
        content_hash=content_hash,
        dataset=dataset,
        extra=extra_columns(record.extra),
    )


def record_of(dataset: Dataset, item: Item) -> Record:
    """Return what an item was made of; its id may have the dataset's name in front.

    Raises:
        UnknownNameError: When the dataset has it no longer.
    """
    try:
        return dataset.find(item.id)
    except UnknownNameError:
        return dataset.find(item.id.removeprefix(f"{dataset.name}/"))


def origin_of(dataset: Dataset, *, split: str = "all", limit: int | None = None) -> DatasetOrigin:
    """Return what an index says of a dataset of which it holds a split, or its first images."""
    return DatasetOrigin(
        name=dataset.name,
        source=dataset_source(dataset),
        digest=dataset_digest(dataset),
        split=split,
        limit=limit,
        modality=dataset.modality,
        classes=dataset.classes,
        synthetic=dataset.synthetic,
    )


def select(dataset: Dataset, origin: DatasetOrigin) -> Dataset:
    """Return the part of a dataset that an index holds, or should."""
    if origin.split == "all":
        return dataset.split("all", limit=origin.limit)
    splits = origin.split.split("+")
    return dataset.where(lambda record: record.split in splits, limit=origin.limit)


def joined(held: DatasetOrigin, coming: DatasetOrigin) -> DatasetOrigin:
    """Return the origin of what an index holds of a dataset once more of it has come.

    Raises:
        InputError: When they are two datasets of one name.
    """
    if held.source != coming.source:
        raise InputError(
            f"the index holds another dataset called {held.name}, from {held.source}",
            hint="name one of them otherwise in its dataset.yaml; if it was only moved, say so "
            "with `medx retrieve update INDEX --dataset FOLDER`",
        )
    parts = [part for origin in (held, coming) for part in origin.split.split("+")]
    split = "all" if "all" in parts else "+".join(dict.fromkeys(parts))
    whole = any(origin.split == split and origin.limit is None for origin in (held, coming))
    limits = [origin.limit for origin in (held, coming) if origin.limit is not None]
    return held.model_copy(
        update={"split": split, "limit": None if whole or not limits else max(limits)}
    )


def with_origin(description: IndexDescription, origin: DatasetOrigin) -> IndexDescription:
    """Return a description that tells of ``origin``, instead of what it told of that dataset."""
    synthetic = description.synthetic or origin.synthetic
    if origin.name == description.dataset:
        part = {"split": origin.split, "limit": origin.limit}
        changes: dict[str, Any] = {
            "dataset_source": origin.source,
            "dataset_digest": origin.digest,
            "modality": origin.modality,
            "classes": origin.classes,
            "settings": {**description.settings, **part},
        }
    else:
        also = {held.name: held for held in description.also}
        changes = {"also": tuple({**also, origin.name: origin}.values())}
    return description.model_copy(update={**changes, "synthetic": synthetic})


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
        row = [getattr(record, name) for name in INDEXED]
        digest.update(json.dumps([*row, extra_columns(record.extra)]).encode())
    if dataset.root is not None:
        for name in dict.fromkeys(split_path(record.path)[0] for record in dataset.records):
            digest.update(f"\n{_size(dataset.root / name)}".encode())
    return digest.hexdigest()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
