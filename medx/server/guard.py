"""What every request passes before anything reads it: who asks, how much, for how long."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
import uuid
from collections import OrderedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medx.server.config import LOOPBACK, ServeConfig
from medx.server.problems import problem

#: Open without a token: is it there, and the page that asks for the token.
OPEN_PATHS = frozenset({"/", "/health", "/ready"})
OPEN_FOLDER = "/static/"

#: Seconds a client may take to send its body.
BODY_SECONDS = 30.0

#: Addresses whose rate is remembered.
REMEMBERED = 4096

_OWN = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
SECURITY_HEADERS = {
    "Content-Security-Policy": f"{_OWN}; img-src 'self' data: blob:; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class _Refused(Exception):
    def __init__(self, status: int, error: str, hint: str | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.hint = status, error, hint


class Guard:
    """ASGI middleware: request ids, hosts, origins, token, rate, size and time of bodies."""

    def __init__(self, app: ASGIApp, config: ServeConfig) -> None:
        self.app, self.config = app, config
        self._rate = RateLimit(config.rate_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        scope["request_id"] = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        sender = _with_headers(send, scope["request_id"])
        body = _Body(receive, self.config.max_upload_bytes)
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            # A framework may wrap what ``receive`` raised into an answer of its own.
            if body.refused is None or started:
                started = True
                await sender(message)

        try:
            self._check(scope, headers)
            await self.app(scope, body.receive, answer)
        except _Refused as refused:
            body.refused = refused
        if body.refused is not None and not started:
            refusal = body.refused
            response = problem(Request(scope), refusal.status, refusal.error, hint=refusal.hint)
            await response(scope, receive, sender)

    def _check(self, scope: Scope, headers: Headers) -> None:
        self._check_host(headers)
        path, client = scope["path"], scope.get("client") or ("", 0)
        if not self._rate.allows(client[0]):
            raise _Refused(429, "too many requests from this address", "wait a minute")
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
        if self.config.token and not is_open and not self._knows_token(headers):
            raise _Refused(401, "a token is needed", "send Authorization: Bearer TOKEN")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.config.max_upload_bytes:
            raise _too_large(self.config.max_upload_bytes)

    def _check_host(self, headers: Headers) -> None:
        """Refuse names that a foreign page may have pointed at this machine (DNS rebinding)."""
        name = _host_name(headers.get("host", ""))
        if self.config.host in LOOPBACK and name not in LOOPBACK:
            raise _Refused(421, f"this server is not {name or 'without a name'}")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            raise _Refused(403, "requests of other sites are not answered")

    def _knows_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        expected = (self.config.token or "").encode()
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)


class _Body:
    """What a client sends, counted, and not waited for without end."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive, self._max_bytes = receive, max_bytes
        self._received, self._complete = 0, False
        self._deadline = time.monotonic() + BODY_SECONDS
        self.refused: _Refused | None = None

    async def receive(self) -> Message:
        """Return the next message of the connection."""
        if self._complete:  # from here on only a disconnect can come
            return await self._receive()
        try:
            left = max(0.0, self._deadline - time.monotonic())
            message = await asyncio.wait_for(self._receive(), left)
        except asyncio.TimeoutError:
            raise self._refuse(_Refused(408, "the body came too slowly", "send it again")) from None
        self._received += len(message.get("body", b""))
        if self._received > self._max_bytes:
            raise self._refuse(_too_large(self._max_bytes))
        self._complete = not message.get("more_body", False)
        return message

    def _refuse(self, refused: _Refused) -> _Refused:
        self.refused = refused
        return refused


def _too_large(limit: int) -> _Refused:
    return _Refused(413, f"more than {limit >> 20} MiB", "send a smaller file")


class RateLimit:
    """A bucket an address that fills up within a minute.

    Args:
        per_minute: Requests a minute; 0 sets no limit.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Count a request of ``address`` and return whether it may pass."""
        if not self.per_minute:
            return True
        now = time.monotonic()
        left, seen = self._buckets.pop(address, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - seen) * self.per_minute / 60)
        self._buckets[address] = (max(0.0, left - 1), now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return left >= 1


def _with_headers(send: Send, request_id: str) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Request-ID"] = request_id
        await send(message)

    return sender


def _host_name(host: str) -> str:
    """Return the name of a Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host if host.count(":") == 1 else host
