"""A real Milvus for tests, in a network of its own because it listens on every interface.

``beside_milvus`` starts this file again inside ``unshare -n``; there it brings the loopback up,
starts the server and runs pytest against it. The server, ``milvus==2.3.5`` from PyPI, needs a
virtual environment of its own for its old pins; ``MEDX_MILVUS_SERVER`` names its
``milvus-server``. By hand::

    python -m venv /tmp/milvus && /tmp/milvus/bin/pip install milvus==2.3.5
    MEDX_MILVUS_SERVER=/tmp/milvus/bin/milvus-server \\
        python tests/milvus_server.py /tmp/milvus/data tests/test_retrieval -k milvus
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PORT = 19530
URI = f"http://127.0.0.1:{PORT}"
HEALTH = "http://127.0.0.1:9091/healthz"
#: A process space of its own, too: whatever ends this file ends the server.
UNSHARE = (
    "unshare", "-n", "-p", "--fork", "--kill-child", "--mount-proc",
    *(() if os.geteuid() == 0 else ("-r",)),
)  # fmt: skip
#: Seconds a server takes to start, at the most.
PATIENCE = 90
#: What is asked again after the server was stopped and started.
RESTART = Path(__file__).parent / "test_retrieval" / "test_milvus" / "test_restart.py"
INSIDE = "--inside-its-own-network"


def find_server() -> str | None:
    """Return the path of ``milvus-server``, or None."""
    return os.environ.get("MEDX_MILVUS_SERVER") or shutil.which("milvus-server")


def why_not() -> str | None:
    """Return why no Milvus can be started here, or None."""
    server = find_server()
    if not server or not Path(server).is_file():
        return "no Milvus server: install milvus==2.3.5 and set MEDX_MILVUS_SERVER"
    if not shutil.which("unshare") or not shutil.which("ip", path=_path()):
        return "unshare and ip are needed to keep Milvus off the network"
    up = [*UNSHARE, "ip", "link", "set", "lo", "up"]
    if subprocess.run(up, capture_output=True, env={"PATH": _path()}).returncode:
        return "this machine allows no network namespace"
    return None


def beside_milvus(folder: Path, arguments: list[str], *, timeout: float) -> str:
    """Run pytest with these arguments beside a Milvus; return what it said.

    Args:
        folder: Where Milvus keeps its data.
        arguments: Of pytest.
        timeout: Seconds for all of it.
    """
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    env["PATH"] = _path()
    ran = subprocess.run(
        [*UNSHARE, sys.executable, __file__, INSIDE, str(folder), *arguments],
        env=env, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    return ran.stdout


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _serve(folder: Path) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    log = (folder / "server.log").open("w")
    server = subprocess.Popen(
        [str(find_server()), "--data", str(folder / "data"), "--proxy-port", str(PORT)],
        stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    for _ in range(PATIENCE):
        try:
            urllib.request.urlopen(HEALTH, timeout=5).close()
            return server
        except OSError:
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(1)
    _stop(server, gently=False)
    raise AssertionError("Milvus did not start")


def _stop(server: subprocess.Popen, *, gently: bool) -> None:
    """Stop a server; ``gently``, so that it can start again on the same data."""
    if gently:
        _end_child(server)
    server.send_signal(signal.SIGINT)
    try:
        server.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _end_child(server: subprocess.Popen) -> None:
    # ``milvus-server`` gives the server it started one second, after which the next start fails.
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    for child in map(int, children):
        os.kill(child, signal.SIGTERM)
        for _ in range(PATIENCE):
            if "State:\tZ" in Path(f"/proc/{child}/status").read_text():
                break
            time.sleep(1)


def _run(folder: Path, phase: str, arguments: list[str]) -> int:
    server = _serve(folder)
    try:
        env = {**os.environ, "MEDX_TEST_MILVUS": URI, "MEDX_TEST_MILVUS_PHASE": phase}
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=env).returncode
    finally:
        _stop(server, gently=phase == "before")


def main(folder: str, *arguments: str) -> int:
    """Run inside the namespace, and once more after a restart; return pytest's exit code."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    code = _run(Path(folder), "before", [*arguments, str(RESTART)])
    return code or _run(Path(folder), "after", [str(RESTART)])


if __name__ == "__main__":
    if sys.argv[1] == INSIDE:
        sys.exit(main(*sys.argv[2:]))
    if reason := why_not():
        sys.exit(reason)
    sys.exit(subprocess.run([*UNSHARE, sys.executable, __file__, INSIDE, *sys.argv[1:]]).returncode)
