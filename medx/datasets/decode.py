"""Decoding many images at once, in order, with only a few of them in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

from medx.core.console import track
from medx.core.errors import MedxError
from medx.core.images import Pixels, resize, to_grey, to_rgb
from medx.datasets.manifest import Dataset, Record

#: Each thread may hold one large image; more threads than this wait for the disk.
MAX_THREADS = 8


def pixel_shape(dataset: Dataset, size: int) -> tuple[int, ...]:
    """Return the shape of one loaded image: ``(size, size)``, or ``(size, size, 3)`` in colour."""
    return (size, size, 3) if dataset.colour else (size, size)


def decode(dataset: Dataset, record: Record, size: int) -> Pixels:
    """Return one image of a dataset as ``load_pixels`` gives it.

    Raises:
        MedxError: When it cannot be read.
    """
    fit = to_rgb if dataset.colour else to_grey
    return resize(fit(dataset.read(record).pixels), size)


def decode_in_order(
    dataset: Dataset, records: Sequence[Record], size: int, description: str
) -> Generator[Pixels | MedxError, None, None]:
    """Yield the pixels of each record, or why it has none, under a progress bar; close it after.

    Decoders release the GIL, so threads serve; they need no second start of Python.
    """

    def attempt(record: Record) -> Pixels | MedxError:
        try:
            return decode(dataset, record, size)
        except MedxError as error:
            return error

    threads = min(os.cpu_count() or 1, MAX_THREADS)
    todo = iter(records)
    with _worker_threads(threads) as pool:
        ahead: deque[Future[Pixels | MedxError]] = deque()
        ahead.extend(pool.submit(attempt, record) for record in islice(todo, 2 * threads))
        for _ in track(records, description):
            done = ahead.popleft().result()
            ahead.extend(pool.submit(attempt, record) for record in islice(todo, 1))
            yield done


@contextmanager
def _worker_threads(threads: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        yield pool
    finally:
        # After Ctrl-C nobody wants the images that are still waiting.
        pool.shutdown(cancel_futures=True)
