"""Reading and embedding a dataset's images; known pictures are not embedded."""

from __future__ import annotations

from collections.abc import Iterator

from medx.core.errors import InputError
from medx.core.processes import world_size
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import split_path
from retrieval.config import EmbedConfig
from retrieval.embedding.embed import embed_dataset
from retrieval.embedding.result import SkippedImage
from retrieval.embedding.store import HeldPictures, as_rows
from retrieval.encoders.base import Embeddings, Encoder
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item
from retrieval.index.origin import item_of


class IncomingImages:
    """A dataset's images as items with embeddings; iterate once.

    Args:
        dataset: What to read.
        encoder: What embeds pixels that neither its cache nor the index knows.
        index: Whose vectors are taken for pixels it knows.
        batch_size: Images at a time, or ``auto``.
    """

    def __init__(
        self, dataset: Dataset, encoder: Encoder, index: GalleryIndex, *, batch_size: int | str
    ) -> None:
        if world_size() > 1:
            raise InputError(
                "one process at a time changes an index",
                hint="let several embed the dataset first: torchrun … -m medx.cli retrieve embed",
            )
        self.skipped: list[SkippedImage] = []
        self.missing: list[SkippedImage] = []
        self.read = 0
        self.embedded = 0
        self._dataset = dataset
        self._encoder = encoder
        self._index = index
        self._config = EmbedConfig(batch_size=batch_size)

    def __iter__(self) -> Iterator[tuple[list[Item], Embeddings]]:
        dataset = self._dataset
        result = embed_dataset(dataset, self._encoder, config=self._config, held=self._held())
        self.read, self.embedded = result.count, result.embedded
        if result.skipped:
            record_of = {record.id: record for record in dataset.records}
            for problem in result.skipped:
                gone = self._is_gone(record_of[problem.id])
                (self.missing if gone else self.skipped).append(problem)
        for part in result.images.parts():
            pairs = zip(part.records, part.content_hashes, strict=True)
            items = [item_of(record, digest, dataset.name) for record, digest in pairs]
            yield items, part.embeddings

    def _held(self) -> Iterator[HeldPictures]:
        for digests, embeddings_of in self._index.pictures():
            yield as_rows(map(bytes.fromhex, digests)), embeddings_of

    def _is_gone(self, record: Record) -> bool:
        root = self._dataset.root
        return root is not None and not (root / split_path(record.path)[0]).exists()
