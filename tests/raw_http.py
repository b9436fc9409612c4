"""HTTP byte by byte, as no well-behaved client speaks it."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

BOUNDARY = "frontier"
FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(60)
    return connection


def ask(port: int, *lines: str, body: bytes = b"") -> bytes:
    """Send a request as it stands; return what comes until the server closes."""
    with connect(port) as connection:
        send_all(connection, head(*lines, "Connection: close") + body)
        return read_all(connection)


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "Host: 127.0.0.1"]).encode("latin-1") + b"\r\n\r\n"


def send_all(connection: socket.socket, content: bytes) -> None:
    # It may have heard enough, and have answered.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(content)


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            answer += part
    return answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def json_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def form(*parts: tuple[str, bytes], boundary: str = BOUNDARY) -> bytes:
    """Return a multipart body; each part is its headers and its content."""
    made = b""
    for headers, content in parts:
        made += f"--{boundary}\r\n{headers}\r\n\r\n".encode("latin-1") + content + b"\r\n"
    return made + f"--{boundary}--\r\n".encode()


def file_part(content: bytes, name: str = "x.png") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"', content
