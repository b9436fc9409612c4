"""The application: guard, routes, and models that load while it already answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from medx.case.workbench import Workbench
from medx.core.settings import DISCLAIMER
from medx.server.config import ServeConfig
from medx.server.guard import Guard
from medx.server.kept import KeptCases
from medx.server.models import Models
from medx.server.monitoring import Counting, Monitor
from medx.server.problems import NotReady, register_problems
from medx.server.routes import (
    browsing,
    cases,
    operations,
    page,
    prediction,
    searching,
    studying,
)
from medx.server.uploads import Uploads


class Server:
    """What routes share: settings, limits, counters, and the models once they are loaded."""

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.monitor = Monitor()
        self.uploads = Uploads()
        self.kept = KeptCases()
        self.loaded: Models | None = None
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    @property
    def models(self) -> Models:
        """The warm models.

        Raises:
            NotReady: While they load.
        """
        if self.loaded is None:
            raise self.failure or NotReady
        return self.loaded

    async def load(self, open_bench: Callable[[], Workbench]) -> None:
        """Load everything on a thread; what fails is kept, and ``on_failure`` called."""
        try:
            bench = await asyncio.to_thread(open_bench)
            models = Models(bench, self.config, self.monitor)
        except Exception as error:
            self.failure = error
            self.on_failure()
            return
        for queue in models.queues:
            queue.start()
        self.loaded = models

    async def close(self) -> None:
        """Finish what is at work."""
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
        yield
        loading.cancel()
        await server.close()

    app = FastAPI(
        title="medx",
        version=version("medx"),
        description=DISCLAIMER,
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.server = server
    for routes in (operations, prediction, searching, studying, browsing, cases, page):
        app.include_router(routes.router)
    register_problems(app)
    app.add_middleware(Counting, monitor=server.monitor)
    app.add_middleware(Guard, config=config)
    return app
