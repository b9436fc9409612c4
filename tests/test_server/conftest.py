import asyncio
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from raw_http import ask
from starlette.testclient import TestClient

from medx.server.app import create_app
from medx.server.config import ServeConfig
from medx.server.run import make_server, open_bench

HOST = "http://127.0.0.1"


@pytest.fixture(scope="session")
def settings(two_class, run_dir, index_dir):
    """What a server of the drawn dataset is started with."""
    return {
        "dataset": str(two_class), "run": str(run_dir), "index": str(index_dir), "engine": "mock",
    }  # fmt: skip


@pytest.fixture(scope="session")
def warm_bench(settings):
    """Everything loaded, as ``medx serve`` loads it."""
    return open_bench(ServeConfig(**settings))


def wait_until_ready(client, path="/ready"):
    while client.get(path).status_code != 200:
        time.sleep(0.01)


@pytest.fixture(scope="session")
def serving(warm_bench):
    """Start an application of the warm models; other settings and other models as wanted."""

    @contextmanager
    def start(bench=None, **settings):
        app = create_app(ServeConfig(**settings), lambda: bench or warm_bench)
        with TestClient(app, base_url=HOST) as client:
            wait_until_ready(client)
            yield client

    return start


@pytest.fixture(scope="session")
def client(serving):
    """A client of a server with default settings."""
    with serving() as client:
        yield client


@pytest.fixture
def serve(serving):
    """Start an application for one test."""
    with ExitStack() as stack:
        yield lambda bench=None, **settings: stack.enter_context(serving(bench, **settings))


@pytest.fixture(scope="session")
def listening(warm_bench):
    """Serve on a socket, from a thread of this process; yields the port."""

    @contextmanager
    def start(**settings):
        config = ServeConfig(**settings)
        server = make_server(create_app(config, lambda: warm_bench), config)
        with socket.create_server((config.host, 0)) as listener:
            thread = threading.Thread(
                target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
            )
            thread.start()
            port = listener.getsockname()[1]
            while b'"ready":true' not in ask(port, "GET /ready HTTP/1.1"):
                time.sleep(0.01)
            yield port
            server.should_exit = True
            thread.join()

    return start


@pytest.fixture(scope="session")
def port(listening):
    """The port of a server with default settings."""
    with listening() as port:
        yield port
