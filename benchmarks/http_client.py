"""A client that costs little beside the server it measures: prepared bytes, kept connections."""

from __future__ import annotations

import asyncio
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

BOUNDARY = "medx-boundary"


@dataclass(frozen=True)
class Request:
    """A POST with its body."""

    path: str
    body: bytes
    kind: str

    def wire(self) -> bytes:
        """Return it as it is sent."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {self.kind}\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


def upload(path: str, content: bytes, **fields: str) -> Request:
    """Return a form with a file."""
    disposition = "Content-Disposition: form-data; name="
    body = b"".join(
        f'--{BOUNDARY}\r\n{disposition}"{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    body += f'--{BOUNDARY}\r\n{disposition}"file"; filename="x"\r\n\r\n'.encode()
    body += content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Request(path, body, f"multipart/form-data; boundary={BOUNDARY}")


async def load(
    port: int, requests: Sequence[Request], *, clients: int, count: int
) -> tuple[list[float], float]:
    """Send ``count`` requests; return the seconds of each, and of all together.

    Raises:
        RuntimeError: When an answer is no 200.
    """
    wires = [request.wire() for request in requests]
    todo = islice(_cycle(wires), count)
    seconds: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for wire in todo:
            started = time.perf_counter()
            writer.write(wire)
            status, body = await read_answer(reader)
            seconds.append(time.perf_counter() - started)
            if status != 200:
                raise RuntimeError(f"{status}: {body[:300]!r}")
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return seconds, time.perf_counter() - started


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return status and body of an answer, chunked or not."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if b"transfer-encoding: chunked" in head:
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return status, body
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0] or 0)
    return status, await reader.readexactly(length)


def wait_until_ready(port: int, process: subprocess.Popen[bytes], seconds: float = 300.0) -> None:
    """Return when a server has loaded its models.

    Raises:
        RuntimeError: When it ended instead.
        TimeoutError: When it takes longer than ``seconds``.
    """
    late = time.monotonic() + seconds
    while time.monotonic() < late:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {' '.join(map(str, process.args))}")
        with (
            suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=10),
        ):
            return
        time.sleep(0.2)
    raise TimeoutError(f"port {port} is not ready")


def _cycle(wires: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from wires
