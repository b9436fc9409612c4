"""A real server on a drawn dataset, and a real browser that visits it."""

import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from medx.server.app import create_app
from medx.server.config import ServeConfig
from medx.server.run import make_server

#: Collects every text that is told to screen readers, in order.
LISTEN = """
addEventListener("DOMContentLoaded", () => {
  const told = document.getElementById("told");
  if (!told) return;
  window.heard = [];
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) heard.push(...[...addedNodes].map((n) => n.textContent));
  }).observe(told, { childList: true });
});
"""


class Served:
    """A server on a free port of this machine."""

    def __init__(self, open_bench, **settings):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        config = ServeConfig(port=port, **settings)
        self._server = make_server(create_app(config, open_bench), config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    def start(self):
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self):
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read()


@contextmanager
def serving(bench, **settings) -> Iterator[Served]:
    """Serve a workbench, or what opens it, for a while."""
    served = Served(bench if callable(bench) else lambda: bench, **settings)
    served.start()
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="session")
def serve():
    """What starts a server of one's own."""
    return serving


@pytest.fixture(scope="session")
def bench(warm_bench):
    """Everything that answers for an image, with the mock as its engine."""
    return warm_bench


@pytest.fixture(scope="session")
def site(bench):
    """A server that most tests visit."""
    with serving(bench) as served:
        yield served


@pytest.fixture(scope="module")  # its event loop must not outlive the tests of the page
def browser():
    """Debian's Chromium, without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser):
    """Open pages; afterwards no script may have failed and no request have left its server."""
    contexts, requested, failed = [], [], []

    def open_page(url, *, width=1280, height=900, dark=False, path="/"):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        context.add_init_script(LISTEN)
        page = context.new_page()
        page.set_default_timeout(60_000)  # CI has two slow cores
        page.on("request", lambda request: requested.append((url, request.url)))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.on("console", lambda said: _console(said, failed))
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert failed == []
    strangers = [u for home, u in requested if not u.startswith((home + "/", "data:", "blob:"))]
    assert strangers == []
    assert requested


def _console(said, failed):
    # Chromium tells of each answer that is an error; whether that was meant, the tests know.
    if said.type in ("error", "warning") and "Failed to load resource" not in said.text:
        failed.append(said.text)
