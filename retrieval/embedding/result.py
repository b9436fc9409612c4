"""What embedding a dataset gave: the figures, and the embeddings themselves some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from medx.core.errors import InputError
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.datasets.manifest import Dataset, Record
from retrieval.embedding.shard import Bytes
from retrieval.embedding.store import EmbeddingStore
from retrieval.encoders.base import Embeddings, Fingerprint

#: Records whose embeddings are in memory at once.
PART = 4096


class SkippedImage(Value):
    """An image that could not be read, and why."""

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddedPart:
    """Some records of a dataset with their embeddings.

    Args:
        records: N of them, in their order.
        content_hashes: Hex SHA-256 of the pixels of each.
        embeddings: float32 ``(N, dim)``, unit length.
    """

    records: tuple[Record, ...]
    content_hashes: tuple[str, ...]
    embeddings: Embeddings


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddedImages:
    """The embeddings of a dataset, on disk.

    Args:
        dataset: N records.
        content_hashes: uint8 ``(N, 32)``.
        readable: bool ``(N,)``: which records have an embedding.
        store: Where it is.
    """

    dataset: Dataset
    content_hashes: Bytes
    readable: npt.NDArray[np.bool_]
    store: EmbeddingStore

    def __len__(self) -> int:
        return int(self.readable.sum())

    def parts(self, size: int = PART) -> Iterator[EmbeddedPart]:
        """Yield the readable records in order, at most ``size`` at a time.

        Raises:
            InputError: When a shard was removed or damaged meanwhile.
        """
        positions = np.flatnonzero(self.readable)
        for start in range(0, len(positions), size):
            some = positions[start : start + size]
            hashes = self.content_hashes[some]
            yield EmbeddedPart(
                records=tuple(self.dataset.records[position] for position in some.tolist()),
                content_hashes=tuple(row.tobytes().hex() for row in hashes),
                embeddings=self.store.embeddings(hashes),
            )


class EmbedResult(Value):
    """What ``embed_dataset`` did; ``images`` gives the embeddings."""

    schema_version: int = 1
    folder: str
    encoder: Fingerprint
    encoder_reason: str
    dataset: str
    synthetic: bool
    count: int = Field(description="Images that have an embedding now.")
    embedded: int = Field(description="Pictures that the encoder saw in this run.")
    reused: int = Field(description="Images whose picture was embedded before this run.")
    repeated: int = Field(description="Images with the very pixels of another one of this run.")
    skipped: tuple[SkippedImage, ...]
    shards: int = Field(description="Files in the folder.")
    processes: int
    workers: int = Field(description="Threads that decode, in each process.")
    batch_size: int | None
    batch_size_reason: str
    seconds: float
    images_per_second: float
    seconds_waiting: float = Field(description="In which the encoder waited for images to decode.")
    seconds_embedding: float = Field(description="In which it worked; the sum of all processes'.")
    disclaimer: str = DISCLAIMER
    images: Any = Field(exclude=True, repr=False)

    def require_images(self) -> EmbeddedImages:
        """Return the embeddings; raise ``InputError`` when no image could be read."""
        images: EmbeddedImages = self.images
        if self.count == 0:
            raise InputError(
                f"no readable image in {self.dataset}"
                + (f": {self.skipped[0].reason}" if self.skipped else ""),
                hint="check the dataset",
            )
        return images
