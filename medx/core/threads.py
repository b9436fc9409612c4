"""Work on many things at once, in order, with only a few of them in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Each thread may hold one large image; more threads than this wait for the disk.
MAX_THREADS = 8


def choose_threads() -> int:
    """Return how many threads ``map_in_threads`` takes unless it is told."""
    return min(os.cpu_count() or 1, MAX_THREADS)


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int | None = None
) -> Generator[Result, None, None]:
    """Yield ``work(item)`` of each item, in their order; close it after.

    It suits work that releases the GIL: decoders, hashes and reading files do. At most four items
    a thread are worked on or wait to be taken.
    """
    threads = threads or choose_threads()
    todo = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="medx")
    try:
        ahead: deque[Future[Result]] = deque()
        ahead.extend(pool.submit(work, item) for item in islice(todo, 4 * threads))
        while ahead:
            result = ahead.popleft().result()
            ahead.extend(pool.submit(work, item) for item in islice(todo, 1))
            yield result
    finally:
        # After Ctrl-C nobody wants what is still waiting.
        pool.shutdown(cancel_futures=True)
