"""The application: guard, routes, and models that load while it already answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from medx.case.workbench import Workbench
from medx.server.config import ServeConfig
from medx.server.guard import Guard
from medx.server.kept import KeptCases
from medx.server.models import Models
from medx.server.monitoring import Counting, Monitor
from medx.server.openapi import DESCRIPTION, TAGS, describe
from medx.server.problems import NotReady, register_problems
from medx.server.routes import (
    browsing,
    cases,
    frames,
    operations,
    page,
    prediction,
    searching,
    studying,
)
from medx.server.routes.common import REFUSALS
from medx.server.uploads import Uploads
from medx.server.workers import Workers

#: Pictures read or written at a time: each may take half a GiB.
THREADS = 2


class Server:
    """What routes share: settings, limits, counters, and the models once they are loaded."""

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.monitor = Monitor()
        self.workers = Workers(
            "pictures", THREADS, queue_limit=config.queue_limit, timeout_s=config.timeout_s
        )
        self.uploads = Uploads(self.workers, config)
        self.kept = KeptCases()
        self.loaded: Models | None = None
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    @property
    def models(self) -> Models:
        """The warm models.

        Raises:
            NotReady: While they load, or when they could not be.
        """
        if self.failure is not None:  # the error itself may name a folder of this machine
            raise NotReady("the models could not be loaded: see the server's log")
        if self.loaded is None:
            raise NotReady("the models are still loading")
        return self.loaded

    async def load(self, open_bench: Callable[[], Workbench]) -> None:
        """Load everything on a thread; what fails is kept, and ``on_failure`` called."""
        # Not on the loop's own threads: when the server ends, those are waited for.
        thread = ThreadPoolExecutor(1, thread_name_prefix="loading")
        loop = asyncio.get_running_loop()
        try:
            models = await loop.run_in_executor(thread, self._open, open_bench)
        except Exception as error:
            self.failure = error
            self.on_failure()
            return
        finally:
            thread.shutdown(wait=False)
        for queue in models.queues:
            queue.start()
        self.loaded = models

    def _open(self, open_bench: Callable[[], Workbench]) -> Models:
        return Models(open_bench(), self.config, self.monitor, self.workers)

    def give_up(self) -> None:
        """Let everyone who still waits for a model hear that the server stops."""
        if self.loaded is not None:
            for queue in self.loaded.queues:
                queue.give_up()

    async def close(self) -> None:
        """Give up what is at work; requests have been answered by now, or will not be."""
        self.workers.close()
        if self.loaded is not None:
            await asyncio.gather(*(queue.stop() for queue in self.loaded.queues))


def create_app(config: ServeConfig, open_bench: Callable[[], Workbench]) -> FastAPI:
    """Return the application.

    Args:
        config: Where it listens and what a request may cost.
        open_bench: Loads the models; called once, on a thread, after the server has started.
    """
    server = Server(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(server.load(open_bench))
        asyncio.get_running_loop().run_in_executor(None, app.openapi)  # half a second, once
        yield
        loading.cancel()
        await server.close()

    app = FastAPI(
        title="medx",
        version=version("medx"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        responses=REFUSALS,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # an address is built from what a client says it is
    )
    app.state.server = server
    for routes in (operations, frames, prediction, searching, studying, browsing, cases, page):
        app.include_router(routes.router)
    register_problems(app)
    describe(app, needs_token=bool(config.token))
    app.add_middleware(Guard, config=config)
    app.add_middleware(Counting, monitor=server.monitor)  # it counts what the guard refuses, too
    return app
