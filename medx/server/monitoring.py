"""What is counted of requests, in Prometheus' own form; nothing of any image or patient."""

from __future__ import annotations

import logging
import time

from fastapi import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)


_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

#: The status of who hung up before there was an answer, as other servers log it.
CLOSED = 499

_log = logging.getLogger("medx.access")


class Monitor:
    """Counters of one server; each server has its own, so that several can live in a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "medx_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "medx_request_seconds", "Time to an answer.", ["route"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "medx_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self.batch = Histogram(
            "medx_batch_size", "Requests that passed a model together.", ["model"],
            buckets=(1, 2, 4, 8, 16, 32), registry=self.registry,
        )  # fmt: skip

    def render(self) -> Response:
        """Return everything counted so far."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class Counting:
    """ASGI middleware that counts requests by route and status, times them and logs them.

    A line of the log holds nothing that a client made up but its request id.
    """

    def __init__(self, app: ASGIApp, monitor: Monitor) -> None:
        self.app, self.monitor = app, monitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count how it ends."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = CLOSED, time.perf_counter()

        async def sender(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.monitor.in_flight.inc()
        try:
            await self.app(scope, receive, sender)
        finally:
            self.monitor.in_flight.dec()
            route, seconds = _route(scope), time.perf_counter() - started
            self.monitor.requests.labels(route, str(status)).inc()
            self.monitor.seconds.labels(route).observe(seconds)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            _log.info(
                "method=%s route=%s status=%d ms=%.1f id=%s",
                method, route, status, 1000 * seconds, scope.get("request_id", "-"),
            )  # fmt: skip


def _route(scope: Scope) -> str:
    """Return the pattern of the route, never the path a client made up."""
    route = scope.get("route")
    if route is not None:
        return str(getattr(route, "path", "other"))
    app = scope.get("app")
    for candidate in getattr(app, "routes", []):  # refused before it was routed
        if candidate.matches(scope)[0] is Match.FULL:
            return str(getattr(candidate, "path", "other"))
    return "other"
