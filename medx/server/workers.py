"""A few threads for pictures, and no more work waiting for them than they can do in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from medx.server.batching import Busy

Result = TypeVar("Result")


class Workers:
    """Runs functions on threads, so that the event loop stays free to answer.

    Args:
        name: What clients that find it busy are told.
        threads: Functions that run at a time.
        queue_limit: Functions that may run or wait.
        timeout_s: Seconds until a caller gives up.
    """

    def __init__(self, name: str, threads: int, *, queue_limit: int, timeout_s: float) -> None:
        self.name, self.queue_limit, self.timeout_s = name, queue_limit, timeout_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._taken = 0

    async def run(self, work: Callable[..., Result], *args: Any, **options: Any) -> Result:
        """Return what ``work`` returns.

        Raises:
            Busy: When ``queue_limit`` functions run or wait already.
            TimeoutError: When it took longer than ``timeout_s``.
            Exception: What ``work`` raised.
        """
        if self._taken >= self.queue_limit:
            raise Busy(self.name)
        self._taken += 1
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(self._threads, partial(work, *args, **options))
        answer.add_done_callback(self._give_back)
        return await asyncio.wait_for(answer, self.timeout_s)

    def close(self) -> None:
        """Give up what waits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _give_back(self, _: Any) -> None:
        self._taken -= 1
