"""From a dataset to an index folder."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from medx.core.console import progress_bar, warn
from medx.core.content_hash import content_hash
from medx.core.errors import InputError, MedxError
from medx.core.images import Pixels
from medx.core.runs import now, package_versions
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.core.words import many
from medx.datasets.manifest import Dataset
from retrieval.config import BuildConfig
from retrieval.encoders.base import Embeddings, Encoder, Fingerprint
from retrieval.index.description import IndexDescription
from retrieval.index.gallery_index import GalleryIndex, check_replaceable
from retrieval.index.items import Item, Items
from retrieval.index.kinds import Kind, resolve_kind
from retrieval.index.origin import dataset_digest, dataset_source, item_of
from retrieval.index.tuning import Tuning

PACKAGES = ("medx", "numpy", "faiss-cpu", "pyarrow", "torch", "open_clip_torch")


class SkippedImage(Value):
    """An image that could not be indexed, and why."""

    id: str
    reason: str


class BuildResult(Value):
    """What ``build_index`` made."""

    schema_version: int = 1
    index: str
    index_dir: str
    encoder: Fingerprint
    encoder_reason: str
    dataset: str
    synthetic: bool
    count: int
    splits: dict[str, int]
    skipped: tuple[SkippedImage, ...]
    kind: Kind
    tuning: Tuning | None = Field(description="Recall of a kind that is not exact.")
    seconds: float
    images_per_second: float
    disclaimer: str = DISCLAIMER


def build_index(
    dataset: Dataset, encoder: Encoder, index_dir: Path, config: BuildConfig | None = None
) -> BuildResult:
    """Embed every readable image of ``dataset`` and write the index folder.

    Images that cannot be read are left out, counted and listed.

    Raises:
        InputError: When no image can be read, there are too few for the kind, or ``index_dir``
            holds something else.
    """
    config = config or BuildConfig()
    check_replaceable(index_dir)
    chosen = dataset.split(config.split, limit=config.limit)
    resolve_kind(config.kind, len(chosen), encoder.dim)
    started = time.perf_counter()
    embeddings, items, skipped = _embed(chosen, encoder, config.batch_size)
    seconds = time.perf_counter() - started
    if skipped:
        warn(f"skipped {many(len(skipped), 'unreadable image')}, first: {skipped[0].reason}")
    if not items:
        raise InputError(f"no readable image in {dataset.name}", hint="check the dataset")
    table = Items.from_items(items)
    description = _describe(dataset, encoder, table, name=index_dir.name, settings=asdict(config))
    index = GalleryIndex.from_embeddings(embeddings, table, description)
    state = index.save(index_dir, kind=config.kind, memory_bytes=config.memory_bytes)
    return BuildResult(
        index=index_dir.name,
        index_dir=str(index_dir),
        encoder=encoder.fingerprint,
        encoder_reason=encoder.reason,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        count=len(items),
        splits=table.splits,
        skipped=tuple(skipped),
        kind=state.kind,
        tuning=state.tuning,
        seconds=seconds,
        images_per_second=len(items) / max(seconds, 1e-9),
    )


def _embed(
    dataset: Dataset, encoder: Encoder, batch_size: int
) -> tuple[Embeddings, list[Item], list[SkippedImage]]:
    parts, items, skipped = [], [], []
    with progress_bar(f"embedding with {encoder.name}", len(dataset)) as progress:
        for start in range(0, len(dataset), batch_size):
            batch = dataset.records[start : start + batch_size]
            pixels: list[Pixels] = []
            for record in batch:
                try:
                    image = dataset.read(record).pixels
                except MedxError as error:
                    skipped.append(SkippedImage(id=record.id, reason=str(error)))
                    continue
                pixels.append(image)
                items.append(item_of(record, content_hash(image), dataset.name))
            if pixels:
                parts.append(encoder.embed_images(pixels, batch_size=batch_size))
            progress.advance(progress.task_ids[0], len(batch))
    empty = np.empty((0, encoder.dim), np.float32)
    return np.concatenate([empty, *parts]), items, skipped


def _describe(
    dataset: Dataset, encoder: Encoder, items: Items, *, name: str, settings: dict[str, Any]
) -> IndexDescription:
    return IndexDescription(
        name=name,
        encoder=encoder.fingerprint,
        count=len(items),
        dataset=dataset.name,
        dataset_source=dataset_source(dataset),
        dataset_digest=dataset_digest(dataset),
        encoder_weights=str(encoder.weights_folder) if encoder.weights_folder else None,
        modality=dataset.modality,
        classes=dataset.classes,
        synthetic=dataset.synthetic,
        splits=items.splits,
        settings=settings,
        packages=package_versions(PACKAGES),
        created=now(),
    )
