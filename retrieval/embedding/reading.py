"""Decoding images beside the model: in threads, in order, a few of them ahead.

Threads do as well as processes here: decoders, hashes and scaling release the GIL, and nothing has
to be copied from one process to another. What waits for the model is no larger than the model
looks at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from medx.core.content_hash import content_hash
from medx.core.errors import MedxError
from medx.core.images import Pixels
from medx.core.quiet import quiet
from medx.core.threads import map_in_threads
from medx.datasets.image_identity import settled_signature
from medx.datasets.manifest import Dataset, Record
from medx.datasets.manifest_files import FileReader, split_path
from medx.datasets.pixel_cache import READER_VERSION
from retrieval.embedding.store import EmbeddingStore


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadImage:
    """What a worker found out of one record.

    Args:
        position: Of the record in its dataset.
        content_hash: SHA-256 of its pixels; None when it cannot be read.
        pixels: What the encoder is to see; None when the picture is embedded already.
        signature: 16 bytes for the state of its file, unless that is known or cannot be told.
        reason: Why it cannot be read.
    """

    position: int
    content_hash: bytes | None = None
    pixels: Pixels | None = None
    signature: bytes | None = None
    reason: str = ""


def read_images(
    dataset: Dataset,
    positions: Iterable[int],
    store: EmbeddingStore,
    shrink: Callable[[Pixels], Pixels],
    *,
    threads: int | None = None,
) -> Generator[ReadImage, None, None]:
    """Yield what is found of the records at ``positions``, in that order; close it after.

    A file that ``store`` recalls in the state it is in is not opened.

    Args:
        dataset: What to read.
        positions: Of its records.
        store: Where pictures are looked up.
        shrink: Cuts pixels down to what the encoder looks at.
        threads: How many; None for as many as suit the machine.
    """
    root = dataset.reader.root.resolve() if isinstance(dataset.reader, FileReader) else None

    def work(position: int) -> ReadImage:
        record = dataset.records[position]
        signature = _signature(record, root) if root else None
        if signature and (known := store.recall(signature)):
            return ReadImage(position=position, content_hash=known)
        try:
            pixels = dataset.read(record).pixels
        except MedxError as error:
            return ReadImage(position=position, reason=str(error))
        digest = bytes.fromhex(content_hash(pixels))
        try:
            seen = None if store.holds(digest) else shrink(pixels)
        except (MemoryError, ValueError) as error:  # one pixel high and a million wide
            return ReadImage(position=position, reason=f"it cannot be scaled: {error}")
        return ReadImage(position=position, content_hash=digest, pixels=seen, signature=signature)

    with quiet(), closing(map_in_threads(work, positions, threads=threads)) as images:
        yield from images


def _signature(record: Record, root: Path) -> bytes | None:
    """Return 16 bytes for an image file's state, the frame or row of it and how it is read."""
    name, inside = split_path(record.path)
    state = settled_signature(root / name)
    if state is None:
        return None
    return hashlib.sha256(f"{READER_VERSION}\0{state}\0{inside}".encode()).digest()[:16]
