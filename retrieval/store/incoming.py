"""Reading and embedding a dataset's images, batch by batch; known pictures are not embedded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from medx.core.console import progress_bar, warn
from medx.core.content_hash import content_hash
from medx.core.errors import MedxError
from medx.core.images import Pixels
from medx.core.words import many
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import split_path
from retrieval.build import SkippedImage
from retrieval.encoders.base import Embeddings, Encoder
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item
from retrieval.index.origin import item_of


class IncomingImages:
    """A dataset's images as items with embeddings; iterate once.

    Args:
        dataset: What to read.
        encoder: What embeds pixels that the index does not know.
        index: Whose vectors are taken for pixels it knows.
        batch_size: Images at a time.
    """

    def __init__(
        self, dataset: Dataset, encoder: Encoder, index: GalleryIndex, *, batch_size: int
    ) -> None:
        self.skipped: list[SkippedImage] = []
        self.missing: list[SkippedImage] = []
        self.read = 0
        self.embedded = 0
        self._dataset = dataset
        self._encoder = encoder
        self._index = index
        self._batch_size = batch_size
        digests = index.items.column("content_hash")
        self._row_of = {digest: row for row, digest in enumerate(digests)}

    def __iter__(self) -> Iterator[tuple[list[Item], Embeddings]]:
        records, size = self._dataset.records, self._batch_size
        with progress_bar(f"reading {self._dataset.name}", len(records)) as progress:
            for start in range(0, len(records), size):
                batch = records[start : start + size]
                items, pixels = self._read(batch)
                self.read += len(items)
                if items:
                    yield items, self._embed(items, pixels)
                progress.advance(progress.task_ids[0], len(batch))
        if self.skipped:
            count = many(len(self.skipped), "unreadable image")
            warn(f"skipped {count}, first: {self.skipped[0].reason}")

    def _read(self, records: tuple[Record, ...]) -> tuple[list[Item], list[Pixels]]:
        items, images = [], []
        for record in records:
            try:
                pixels = self._dataset.read(record).pixels
            except MedxError as error:
                problem = SkippedImage(id=record.id, reason=str(error))
                (self.missing if self._is_gone(record) else self.skipped).append(problem)
                continue
            items.append(item_of(record, content_hash(pixels), self._dataset.name))
            images.append(pixels)
        return items, images

    def _is_gone(self, record: Record) -> bool:
        root = self._dataset.root
        return root is not None and not (root / split_path(record.path)[0]).exists()

    def _embed(self, items: list[Item], pixels: list[Pixels]) -> Embeddings:
        rows = np.array([self._row_of.get(item.content_hash, -1) for item in items], np.int64)
        known, new = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
        embeddings = np.empty((len(items), self._index.dim), np.float32)
        embeddings[known] = self._index.embeddings(rows[known])
        if len(new):
            fresh = [pixels[i] for i in new]
            embeddings[new] = self._encoder.embed_images(fresh, batch_size=self._batch_size)
        self.embedded += len(new)
        return embeddings
