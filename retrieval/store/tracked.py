"""Going through an index under a progress bar."""

from __future__ import annotations

from collections.abc import Iterator

from medx.core.console import progress_bar
from retrieval.encoders.base import Embeddings
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Items


def tracked_batches(index: GalleryIndex, doing: str) -> Iterator[tuple[Items, Embeddings]]:
    """Yield all rows of an index in order, some at a time; the bar says what is done with it."""
    with progress_bar(f"{doing} {index.name}", len(index)) as progress:
        for items, embeddings in index.batches():
            yield items, embeddings
            progress.advance(progress.task_ids[0], len(items))
