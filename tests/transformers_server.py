"""``transformers serve``, a real OpenAI-compatible server, as a process of its own and offline."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What the extra ``transformers[serving]`` brings.
NEEDED = ("fastapi", "openai", "uvicorn")


def why_not() -> str | None:
    """Return why it cannot be started here, or None."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return f"pip install 'transformers[serving]': no {', '.join(missing)}" if missing else None


@contextmanager
def serving(model: Path, folder: Path) -> Iterator[str]:
    """Serve the checkpoint ``model`` until the block ends; yield the base URL."""
    (folder / "hub").mkdir(parents=True)
    port = _free_port()
    command = ["serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    env = {
        **os.environ,
        "HF_HOME": str(folder),
        "HF_HUB_CACHE": str(folder / "hub"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "transformers.cli.transformers", *command],
            stdout=log, stderr=subprocess.STDOUT, env=env,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, folder / "serve.log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(1800):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text()}")
