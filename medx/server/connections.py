"""Connections of clients that are slow, silent or no HTTP clients at all."""

from __future__ import annotations

import asyncio
import uuid
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from medx.server.guard import SECURITY_HEADERS
from medx.server.problems import problem

#: Connections at a time; more are told to come back.
MAX_CONNECTIONS = 512

#: Seconds from one answer, or the start, until the headers of the next request are complete.
HEADER_SECONDS = 10.0

#: Bytes of an answer that a client must at least take in that time.
SLOWEST_BYTES = 32 << 10

#: Seconds for what was answered last to reach a client that is cut off.
LINGER_SECONDS = 5.0


class Connection(H11Protocol):
    """Speaks HTTP with one client, and not for longer than it keeps talking.

    h11 bounds headers; uvicorn alone would wait for ever: for them, for a body nobody reads, and
    for clients that do not read.
    """

    _deadline: asyncio.TimerHandle | None = None
    _pace: asyncio.TimerHandle | None = None
    _unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._answer(503, "too many connections", "try again")
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, or for the rest of a body that nobody reads."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._stop_watching()
        self._stop_pacing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to look how fast the client takes what waits for it."""
        super().pause_writing()
        self._watch_pace()

    def resume_writing(self) -> None:
        """Stop to look: most of it was taken."""
        self._stop_pacing()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, in the form of every other answer."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(400, "this is no HTTP request, or its headers are too large", None)
        else:
            self.transport.close()

    def _watch(self) -> None:
        """Let the time run unless a request is being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_watching()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._cut_off)

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch_pace(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._pace = self.loop.call_later(HEADER_SECONDS, self._check_pace)

    def _check_pace(self) -> None:
        if self._unsent - self.transport.get_write_buffer_size() < SLOWEST_BYTES:
            self.transport.abort()
        else:
            self._watch_pace()

    def _stop_pacing(self) -> None:
        if self._pace is not None:
            self._pace.cancel()
            self._pace = None

    def _cut_off(self) -> None:
        self._deadline = None
        if self._pace is not None:  # it is busy reading
            self._watch()
            return
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._answer(408, "the headers came too slowly", "send them again")
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _answer(self, status: int, error: str, hint: str | None) -> None:
        """Send a problem and close."""
        request_id = uuid.uuid4().hex
        said = problem(request_id, status, error, hint=hint)
        headers: list[Any] = [
            *said.raw_headers,
            *((name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        phrase = HTTPStatus(status).phrase.encode()
        events = [
            h11.Response(status_code=status, headers=headers, reason=phrase),
            h11.Data(data=bytes(said.body)),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
