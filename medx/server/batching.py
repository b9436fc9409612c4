"""Requests that arrive together pass a model together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Busy(Exception):
    """So many requests wait already that one more would only wait in vain."""


class Stopping(Exception):
    """The server ends, and what was asked is given up."""


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Result] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class MicroBatcher(Generic[Item, Result]):
    """Hands what waits to ``work`` in one call, on a thread of its own.

    Nothing waits for a batch to fill: while one batch is worked on, the next gathers.

    Args:
        work: Takes items, returns one result each; called on one thread only.
        batch_size: Most items of one call.
        queue_limit: Most items that may wait.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        batch_size: int,
        queue_limit: int,
    ) -> None:
        self.name, self.batch_size, self.queue_limit = name, batch_size, queue_limit
        self._work = work
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._task: asyncio.Task[None] | None = None
        self._at_work: list[_Waiting[Item, Result]] = []

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to work; needs a running event loop."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    def give_up(self) -> None:
        """Let whoever waits hear of ``Stopping``; the batch at work finds nobody then."""
        for one in [*self._at_work, *self._waiting]:
            if not one.answer.done():
                one.answer.set_exception(Stopping(self.name))

    async def stop(self) -> None:
        """Give up the batch at work and what waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for one in self._waiting:
            one.answer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def check_room(self) -> None:
        """Raise ``Busy`` when ``queue_limit`` items wait already."""
        if len(self._waiting) >= self.queue_limit:
            raise Busy(self.name)

    async def submit(self, item: Item) -> Result:
        """Return the result of one item.

        Raises:
            Busy: When ``queue_limit`` items wait already.
            Stopping: When it is given up.
            Exception: What ``work`` raised.
        """
        self.check_room()
        waiting: _Waiting[Item, Result] = _Waiting(item)
        self._waiting.append(waiting)
        self._arrived.set()
        try:
            return await waiting.answer
        finally:
            if waiting in self._waiting:  # gave up: a time-out, a closed connection
                self._waiting.remove(waiting)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            size = min(self.batch_size, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            if not self._waiting:
                self._arrived.clear()
            batch = [waiting for waiting in batch if not waiting.answer.done()]
            if batch:
                self._at_work = batch
                await self._answer(batch)
                self._at_work = []

    async def _answer(self, batch: list[_Waiting[Item, Result]]) -> None:
        loop = asyncio.get_running_loop()
        items = [waiting.item for waiting in batch]
        try:
            results = await loop.run_in_executor(self._thread, self._work, items)
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.answer.cancel()
            raise
        except Exception as error:  # it belongs to those who asked, the next batch may be fine
            if len(batch) > 1:  # one bad item must fail alone
                for waiting in batch:
                    await self._answer([waiting])
                return
            if not batch[0].answer.done():
                batch[0].answer.set_exception(error)
            return
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(result)
