"""The images of datasets on their way into an index."""

from __future__ import annotations

from collections.abc import Iterator

from medx.core.errors import InputError
from medx.datasets.manifest import Dataset
from retrieval.embedding.result import SkippedImage
from retrieval.encoders.base import Embeddings, Encoder
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Items
from retrieval.store.incoming import IncomingImages
from retrieval.store.intake import Intake


class Arrivals:
    """Reads datasets, embeds what the index has never seen, and passes on what it takes.

    Args:
        index: The state before.
        encoder: The one that made it.
        batch_size: Images at a time.
        replace: Whether what differs takes the place of what is indexed, and what is gone leaves.
    """

    def __init__(
        self, index: GalleryIndex, encoder: Encoder, *, batch_size: int | str, replace: bool
    ) -> None:
        index.check_encoder(encoder)
        self.intake = Intake(index, replace=replace)
        self.skipped: list[SkippedImage] = []
        self.embedded = 0
        #: The datasets of which the index now holds everything as it is.
        self.whole: set[str] = set()
        self._index = index
        self._encoder = encoder
        self._batch_size = batch_size
        self._replace = replace

    def batches(self, dataset: Dataset) -> Iterator[tuple[Items, Embeddings]]:
        """Yield what of ``dataset`` goes in.

        Raises:
            InputError: When no image can be read.
        """
        incoming = IncomingImages(dataset, self._encoder, self._index, batch_size=self._batch_size)
        differed = len(self.intake.differing)
        for items, embeddings in incoming:
            taken = self.intake.take(items, embeddings)
            if len(taken[0]):
                yield taken
        if not incoming.read:
            raise InputError(f"no readable image in {dataset.name}", hint="check the dataset")
        self.skipped += [*incoming.skipped, *incoming.missing]
        self.embedded += incoming.embedded
        gone = self.intake.not_met(dataset.name, but=[s.id for s in incoming.skipped])
        if self._replace:
            self.intake.drop(gone)
        if self._replace or (not gone and len(self.intake.differing) == differed):
            self.whole.add(dataset.name)
