"""A small chat completions server for tests that fails in the ways servers do.

A ``Behaviour`` answers one request. The server takes them from its script, one a chat, and answers
well when the script is through; the greeting without an image is always answered well.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler", dict[str, Any]], None]

GOOD = "FINDINGS: clear [P1]\n\nIMPRESSION: normal"
MODEL = "medgemma-4b-it"


def completion(text: str | None = GOOD, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": MODEL,
        "system_fingerprint": "fp_test",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": 25, "completion_tokens": 7, "total_tokens": 32},
    }


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def say(text: str | None = GOOD, **options: Any) -> Behaviour:
    return lambda handler, body: handler.send(200, encode(completion(text, **options)))


def raw(payload: bytes, status: int = 200, kind: str = "application/json", **headers: str):
    """Answer with these bytes; ``Retry_After`` becomes a header."""
    return lambda handler, body: handler.send(status, payload, kind, headers)


def refuse(status: int, message: str = "no", **headers: str) -> Behaviour:
    return raw(encode({"error": {"message": message, "code": status}}), status, **headers)


def cut(handler: Handler, body: dict[str, Any]) -> None:
    """Promise a whole answer, send half of it and close."""
    whole = encode(completion())
    handler.start(200, len(whole))
    handler.wfile.write(whole[: len(whole) // 2])
    handler.close_connection = True


def reset(handler: Handler, body: dict[str, Any]) -> None:
    """Kill the connection in the middle of the answer, as a dying process does."""
    cut(handler, body)
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def hang(handler: Handler, body: dict[str, Any]) -> None:
    """Say nothing until the test is over."""
    handler.server.stopped.wait()
    handler.close_connection = True


def trickle(handler: Handler, body: dict[str, Any]) -> None:
    """Send a space now and then, for ever."""
    handler.start(200, None)
    while not handler.server.stopped.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def flood(handler: Handler, body: dict[str, Any]) -> None:
    """Send spaces as fast as they are taken, for ever."""
    handler.start(200, None)
    while not handler.server.stopped.is_set():
        handler.wfile.write(b" " * (1 << 16))


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets a behaviour answer it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.on_models(self, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.append(self.path)
        behave = self.server.next_behaviour(body, dict(self.headers))
        try:
            behave(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def start(self, status: int, length: int | None, kind: str = "application/json", headers=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, status: int, payload: bytes, kind: str = "application/json", headers=None):
        self.start(status, len(payload), kind, headers)
        self.wfile.write(payload)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class FaultServer(ThreadingHTTPServer):
    """Serves on a free port of this machine until the block ends."""

    daemon_threads = True
    # The first connections of a test come all at once.
    request_queue_size = 64

    def __init__(self, *script: Behaviour, models: Behaviour | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script = deque(script)
        self.on_models = models or raw(encode({"data": [{"id": MODEL, "root": "org/" + MODEL}]}))
        self.on_greeting: Behaviour = say("Hello", finish="length")
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.paths: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.greetings: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def next_behaviour(self, body: dict[str, Any], headers: dict[str, str]) -> Behaviour:
        with self.lock:
            if isinstance(body["messages"][-1]["content"], str):
                self.greetings.append(body)
                return self.on_greeting
            self.bodies.append(body)
            self.headers.append(headers)
            return self.script.popleft() if self.script else say()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests are about."""

    def __enter__(self) -> FaultServer:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()
