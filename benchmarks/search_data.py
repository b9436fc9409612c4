"""Clustered vectors made from real embeddings, as many as asked for, and an index over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from medx.core.console import progress_bar, track
from medx.datasets.catalog import load_dataset
from retrieval.encoders.base import Fingerprint, normalize
from retrieval.encoders.compact import CompactEncoder
from retrieval.index.commit import changing
from retrieval.index.description import IndexDescription
from retrieval.index.items import Item, Items
from retrieval.index.segment import write_segment
from retrieval.index.state import describe

DATASET = "pneumoniamnist"
QUERIES = 1000
#: Values of the column ``lot``, each as frequent as any other.
LOTS = 1000
BLOCK = 16_384
HOW = (
    f"compact's embeddings of the images of {DATASET}, turned into the space of the index without "
    "changing an angle; each vector is one of them, drawn at random, plus Gaussian noise in all "
    "dimensions, as long as the median distance of an image to its nearest neighbour; queries are "
    "drawn in the same way and are not indexed"
)


def real_embeddings(folder: Path) -> np.ndarray:
    """Return the embeddings of the real images, kept in ``folder``."""
    path = folder / "real.npy"
    if not path.is_file():
        dataset, encoder = load_dataset(DATASET), CompactEncoder()
        folder.mkdir(parents=True, exist_ok=True)
        parts = [
            encoder.embed_images([dataset.read(r).pixels for r in dataset.records[at : at + 256]])
            for at in track(range(0, len(dataset), 256), "embedding real images")
        ]
        np.save(path, np.concatenate(parts))
    return np.load(path)


def noise_length(real: np.ndarray) -> float:
    """Return the median distance of an image to its nearest neighbour."""
    similarities = real @ real.T
    np.fill_diagonal(similarities, -1.0)
    return float(np.median(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * similarities.max(axis=1)))))


def clustered(real: np.ndarray, count: int, dim: int, *, seed: int) -> Iterator[np.ndarray]:
    """Yield ``count`` unit vectors of ``dim`` in blocks."""
    square = np.random.default_rng(0).normal(size=(dim, real.shape[1]))
    turned = real @ np.linalg.qr(square)[0].T.astype(np.float32)  # orthonormal: angles stay
    length = noise_length(real) / np.sqrt(dim)
    rng = np.random.default_rng(seed)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        noise = rng.standard_normal((size, dim), np.float32) * np.float32(length)
        yield normalize(turned[rng.integers(0, len(turned), size)] + noise)


def make_index(folder: Path, real: np.ndarray, count: int, dim: int) -> None:
    """Write a flat index, its queries beside it; nothing is done when it is there."""
    if (folder / "index.json").is_file():
        return
    lots = np.random.default_rng(1).permutation(count) % LOTS
    description = IndexDescription(
        name=folder.name,
        encoder=Fingerprint(name="none", weights_sha256="", preprocessing="", dim=dim),
        count=0,
        dataset="clustered",
        dataset_source="clustered",
        synthetic=True,
    )
    with changing(folder) as change, progress_bar("writing vectors", count) as progress:

        def batches() -> Iterator[tuple[Items, np.ndarray]]:
            start = 0
            for block in clustered(real, count, dim, seed=2):
                rows = range(start, start + len(block))
                items = [
                    Item(id=str(r), content_hash=str(r), path="", extra={"lot": str(lots[r])})
                    for r in rows
                ]
                yield Items.from_items(items), block
                start += len(block)
                progress.advance(progress.task_ids[0], len(block))

        segment = write_segment(change, batches(), dim)
        change.publish(describe(description, [segment] if segment else []))
    np.save(queries_path(folder), np.concatenate(list(clustered(real, QUERIES, dim, seed=3))))


def queries_path(folder: Path) -> Path:
    """Return where the queries of an index are."""
    return folder.with_name(f"{folder.name}-queries.npy")
