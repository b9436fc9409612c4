"""From a dataset to embeddings on disk, picture by picture at most once.

Records are taken in parts of one shard each. A part is decoded in threads while the one before is
embedded, and is on disk before the next is begun: a crash loses no more than that, and the batches
of what is embedded again are those of a run that was never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path

import numpy as np
from rich.progress import Progress

from medx.core.console import note, progress_bar, told_on_interrupt, warn
from medx.core.images import Pixels
from medx.core.processes import from_all, join_processes, processes_here, rank, world_size
from medx.core.threads import choose_threads
from medx.core.words import many
from medx.datasets.manifest import Dataset
from retrieval.config import AUTO, EmbedConfig
from retrieval.embedding.batch_size import LARGEST_ON_CPU, BatchSize
from retrieval.embedding.reading import ReadImage, read_images
from retrieval.embedding.result import EmbeddedImages, EmbedResult, SkippedImage
from retrieval.embedding.shard import HASH_BYTES, Shard
from retrieval.embedding.store import EmbeddingStore, HeldPictures, as_rows, default_folder
from retrieval.encoders.base import Embeddings, Encoder

#: A process that found all of its share embedded may wait long for one that found nothing.
LONGEST_WAIT = timedelta(days=7)


def embed_dataset(
    dataset: Dataset,
    encoder: Encoder,
    folder: Path | None = None,
    config: EmbedConfig | None = None,
    *,
    held: Iterable[HeldPictures] = (),
) -> EmbedResult:
    """Embed every readable image of ``dataset`` that ``folder`` does not hold yet.

    Images that cannot be read are left out, counted and listed. Ctrl-C keeps what was embedded.

    Args:
        dataset: What to embed.
        encoder: What embeds it.
        folder: Where embeddings are kept; None for the cache of this encoder.
        config: What of the dataset, and how.
        held: Pictures that the same encoder embedded elsewhere, for an index: their embeddings
            are taken over instead of being computed.

    Raises:
        IndexMismatchError: When ``folder`` holds embeddings by another encoder.
        InputError: When ``folder`` holds something else.
    """
    config = config or EmbedConfig()
    chosen = dataset.split(config.split, limit=config.limit)
    join_processes(LONGEST_WAIT)
    if world_size() > 1:
        note(f"{world_size()} processes share {many(len(chosen), 'image')}")
    folder = folder or default_folder(encoder.fingerprint)
    store = EmbeddingStore(folder, encoder.fingerprint, held=held)
    started = time.perf_counter()
    work = _Work(chosen, encoder, store, config)
    with told_on_interrupt(lambda: f"kept {many(work.embedded, 'embedding')} in {folder}"):
        work.run(share_out(len(chosen), config))
    return _join(work, time.perf_counter() - started)


def share_out(count: int, config: EmbedConfig) -> list[range]:
    """Return the parts of ``count`` records that this process embeds, in order.

    They hold whole batches, so that several processes embed the same batches as one.
    """
    batch = LARGEST_ON_CPU if config.batch_size == AUTO else int(config.batch_size)
    share = -(-count // (batch * world_size())) * batch  # a small dataset is for all, too
    size = max(config.shard_size, batch)
    size = size if world_size() == 1 else min(size, max(share, 1))
    starts = range(rank() * size, count, world_size() * size)
    return [range(start, min(start + size, count)) for start in starts]


class _Work:
    """One process's share: what it found of each record, and the shard in the making."""

    def __init__(
        self, dataset: Dataset, encoder: Encoder, store: EmbeddingStore, config: EmbedConfig
    ) -> None:
        self.dataset = dataset
        self.encoder = encoder
        self.store = store
        self.threads = config.workers or max(1, choose_threads() // processes_here())
        given = None if config.batch_size == AUTO else int(config.batch_size)
        self.batch = BatchSize(given, processes=processes_here())
        self.content_hashes = np.zeros((len(dataset), HASH_BYTES), np.uint8)
        self.readable = np.zeros(len(dataset), bool)
        self.skipped: dict[int, str] = {}
        self.embedded = self.reused = self.repeated = 0
        self.seconds_waiting = self.seconds_embedding = 0.0
        self._begin_shard()

    def run(self, parts: Sequence[range]) -> None:
        """Embed the records of some parts; what is done is kept even when it is interrupted."""
        positions = chain.from_iterable(parts)
        reading = read_images(
            self.dataset, positions, self.store, self.encoder.shrink, threads=self.threads
        )
        name = f"embedding with {self.encoder.name}"
        with progress_bar(name, sum(map(len, parts))) as bar, closing(reading) as images:
            try:
                for part in parts:
                    self._embed_part(self._timed(islice(images, len(part)), bar))
            except BaseException:
                self._save_shard()
                raise

    def _embed_part(self, images: Iterable[ReadImage]) -> None:
        waiting: dict[bytes, Pixels] = {}
        for image in images:
            if image.content_hash is None:
                self.skipped[image.position] = image.reason
                continue
            self._found(image, image.content_hash, waiting)
            if image.pixels is None or image.content_hash not in waiting:
                continue
            if len(waiting) >= self.batch.fit(self.encoder, image.pixels):
                self._embed(waiting)
        if waiting:
            self._embed(waiting)
        self._save_shard()

    def _found(self, image: ReadImage, digest: bytes, waiting: dict[bytes, Pixels]) -> None:
        self.readable[image.position] = True
        self.content_hashes[image.position] = np.frombuffer(digest, np.uint8)
        if image.signature:
            self._files.append((image.signature, digest))
        if self.store.held_before(digest):
            self.reused += 1
        elif digest in waiting or digest in self._pictures or self.store.holds(digest):
            self.repeated += 1
        elif image.pixels is not None:
            waiting[digest] = image.pixels

    def _embed(self, waiting: dict[bytes, Pixels]) -> None:
        started = time.perf_counter()
        embeddings = self.batch.embed(self.encoder, list(waiting.values()))
        self.seconds_embedding += time.perf_counter() - started
        self._embeddings.append(embeddings)
        self._pictures.update(dict.fromkeys(waiting))
        self.embedded += len(waiting)
        waiting.clear()

    def _begin_shard(self) -> None:
        self._embeddings: list[Embeddings] = []
        self._pictures: dict[bytes, None] = {}
        self._files: list[tuple[bytes, bytes]] = []

    def _save_shard(self) -> None:
        if not (self._pictures or self._files):
            return
        empty = np.empty((0, self.encoder.dim), np.float32)
        self.store.add(
            Shard(
                embeddings=np.concatenate([empty, *self._embeddings]),
                content_hashes=as_rows(self._pictures),
                file_signatures=as_rows((signature for signature, _ in self._files), 16),
                file_hashes=as_rows(digest for _, digest in self._files),
            )
        )
        self._begin_shard()

    def _timed(self, images: Iterator[ReadImage], bar: Progress) -> Iterator[ReadImage]:
        """Pass images on; measure how long they are waited for and show how fast they come."""
        (task,) = bar.task_ids
        while True:
            started = time.perf_counter()
            image = next(images, None)
            self.seconds_waiting += time.perf_counter() - started
            if image is None:
                return
            yield image
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = (bar.tasks[0].completed + 1) / max(elapsed, 1e-9)
            bar.update(task, advance=1, status=f"{rate:.3g} images/s")


def _join(work: _Work, seconds: float) -> EmbedResult:
    """Put the shares of all processes together."""
    mine = np.flatnonzero(work.readable)
    shares = from_all((mine, work.content_hashes[mine], work.skipped))
    for positions, hashes, reasons in shares:
        work.readable[positions] = True
        work.content_hashes[positions] = hashes
        work.skipped |= reasons
    figures = np.sum(
        from_all(
            (work.embedded, work.reused, work.repeated, work.seconds_waiting,
             work.seconds_embedding)
        ),
        axis=0,
    ).tolist()  # fmt: skip
    store = work.store
    if world_size() > 1:  # the others have written shards, too
        store = EmbeddingStore(store.folder, store.fingerprint)
    skipped = tuple(
        SkippedImage(id=work.dataset.records[position].id, reason=reason)
        for position, reason in sorted(work.skipped.items())
    )
    if skipped:
        warn(f"skipped {many(len(skipped), 'unreadable image')}, first: {skipped[0].reason}")
    return EmbedResult(
        folder=str(store.folder),
        encoder=work.encoder.fingerprint,
        encoder_reason=work.encoder.reason,
        dataset=work.dataset.name,
        synthetic=work.dataset.synthetic,
        count=int(work.readable.sum()),
        embedded=int(figures[0]),
        reused=int(figures[1]),
        repeated=int(figures[2]),
        skipped=skipped,
        shards=store.shards,
        processes=world_size(),
        workers=work.threads,
        batch_size=work.batch.value,
        batch_size_reason=work.batch.reason,
        seconds=seconds,
        images_per_second=len(work.dataset) / max(seconds, 1e-9),
        seconds_waiting=figures[3],
        seconds_embedding=figures[4],
        images=EmbeddedImages(
            dataset=work.dataset,
            content_hashes=work.content_hashes,
            readable=work.readable,
            store=store,
        ),
    )
