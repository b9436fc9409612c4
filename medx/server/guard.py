"""What every request passes before anything reads it: who asks, how much, for how long."""

from __future__ import annotations

import hmac
import logging
import re
import time
import traceback
import uuid
from collections import OrderedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medx.server.bodies import Bodies, Body
from medx.server.config import LOOPBACK, ServeConfig
from medx.server.problems import Refused, problem

#: Open without a token: is it there, and the page that asks for the token.
OPEN_PATHS = frozenset({"/", "/health", "/ready"})
OPEN_FOLDER = "/static/"

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
_RAW_HEADERS = [(k.lower().encode(), v.encode()) for k, v in SECURITY_HEADERS.items()]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_log = logging.getLogger("medx.server")


class Guard:
    """ASGI middleware: request ids, hosts, origins, token, rate, size and time of bodies."""

    def __init__(self, app: ASGIApp, config: ServeConfig) -> None:
        self.app, self.config = app, config
        self._rate = RateLimit(config.rate_limit)
        self._bodies = Bodies(config.max_upload_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        sender = _with_headers(send, request_id)
        body = Body(self._bodies, receive)
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
        except Refused as refused:
            body.refused = refused
        except Exception as error:
            _log.error("request %s failed: %s", request_id, _where(error))
            body.refused = Refused(500, "something went wrong", "its id is in the server's log")
            if started:  # half an answer must not pass for a whole one
                raise RuntimeError("the answer broke off") from None
        finally:
            body.close()
        if body.refused is not None and not started:
            refusal = body.refused
            response = problem(
                request_id,
                refusal.status,
                refusal.error,
                hint=refusal.hint,
                headers=refusal.headers,
            )
            await response(scope, receive, sender)

    def _check(self, scope: Scope, headers: Headers) -> None:
        self._check_host(headers)
        path, client = scope["path"], scope.get("client") or ("", 0)
        if not self._rate.allows(client[0]):
            raise Refused(429, "too many requests from this address", "wait a minute")
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
        if self.config.token and not is_open and not self._knows_token(headers):
            raise Refused(
                401,
                "a token is needed",
                "send Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )
        self._bodies.check_announced(headers.get("content-length", "0"))

    def _check_host(self, headers: Headers) -> None:
        """Refuse names that a foreign page may have pointed at this machine (DNS rebinding)."""
        name = _host_name(headers.get("host", ""))
        if self.config.host in LOOPBACK and name not in {*LOOPBACK, self.config.public_host}:
            raise Refused(421, "this server has another name", "ask for it by its address")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            raise Refused(403, "requests of other sites are not answered")

    def _knows_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        expected = (self.config.token or "").encode()
        return kind.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode("latin-1"), expected
        )


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
        self._buckets[address] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return left >= 1


def _with_headers(send: Send, request_id: str) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=[*message.get("headers", []), *_RAW_HEADERS])
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Request-ID"] = request_id
            message["headers"] = headers.raw
        await send(message)

    return sender


def _host_name(host: str) -> str:
    """Return the name of a Host header without its port."""
    host = host.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host if host.count(":") == 1 else host


def _where(error: Exception) -> str:
    """Say what failed and where; the message may quote an image's header and is left out."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = " > ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames)
    return f"{type(error).__name__} in {places}"
