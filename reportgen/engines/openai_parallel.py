"""Many requests in flight behind a plain iterator."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

P = TypeVar("P")
T = TypeVar("T")

#: Seconds that requests in flight get to close their connections after Ctrl-C.
GRACE = 2.0


@dataclass(frozen=True)
class _End:
    error: BaseException | None


def iterate_in_thread(
    produce: Callable[[Callable[[T], None]], Coroutine[Any, Any, None]],
) -> Iterator[T]:
    """Yield what the coroutine ``produce`` hands to its argument, as soon as it does.

    It runs on an event loop in a thread of its own, so that requests go on while the caller works.
    When the caller stops, by Ctrl-C as well, it is cancelled and not waited for beyond ``GRACE``.
    """
    results: SimpleQueue[T | _End] = SimpleQueue()
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    async def main() -> None:
        task = asyncio.current_task()
        if task is not None:
            running.set_result((asyncio.get_running_loop(), task))
        await produce(results.put)

    def run() -> None:
        error: BaseException | None = None
        try:
            asyncio.run(main())
        except BaseException as caught:  # whatever it is belongs to the caller
            error = caught
            if not running.done():
                running.set_exception(caught)
        results.put(_End(error))

    thread = Thread(target=run, name="medx-requests", daemon=True)
    thread.start()
    try:
        while not isinstance(item := results.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        loop, task = running.result()
        with suppress(RuntimeError):  # the loop is closed when all is done
            loop.call_soon_threadsafe(task.cancel)
        thread.join(GRACE)


async def work_through(
    count: int,
    prepare: Callable[[int], P],
    work: Callable[[P], Awaitable[T]],
    put: Callable[[tuple[int, T]], None],
    *,
    concurrency: int,
) -> None:
    """Call ``work`` on what ``prepare`` makes of each position, ``concurrency`` at a time.

    Work begins in the order of the positions. ``prepare`` runs in threads, ahead of ``work``, so
    that no place stands empty meanwhile.
    """
    ready: asyncio.Queue[tuple[int, asyncio.Future[P]]] = asyncio.Queue(maxsize=concurrency)
    left = count
    # No more threads than cores, or the first would be done as late as the last.
    pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="medx-bodies")

    async def feeder() -> None:
        loop = asyncio.get_running_loop()
        for position in range(count):
            await ready.put((position, loop.run_in_executor(pool, prepare, position)))

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            position, prepared = await ready.get()
            put((position, await work(await prepared)))

    try:
        await asyncio.gather(feeder(), *(worker() for _ in range(concurrency)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
