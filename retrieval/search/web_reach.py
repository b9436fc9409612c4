"""Where a fetch from the web may lead: redirects must not reach into private networks."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import urllib.request
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from retrieval.search.web_address import is_url


class Reach:
    """Lets redirects lead to public addresses, and to where the address that was named led.

    Names are looked up once a connection, and what was checked is what is connected to: a name that
    answers otherwise the second time gains nothing.
    """

    def __init__(self) -> None:
        self._named: set[str] | None = None

    def connect(self, address: tuple[str, int], *options: Any) -> socket.socket:
        """Connect to a host as ``socket.create_connection`` does, if it may be reached.

        Raises:
            ValueError: When it may not.
            OSError: When nobody answers there.
        """
        host, port = address
        found = _addresses(host, port)
        if self._named is None:
            self._named = set(found)
        self._check(found)
        for last in found[:-1]:
            try:
                return socket.create_connection((last, port), *options)
            except OSError:
                continue
        return socket.create_connection((found[-1], port), *options)

    def check_redirect(self, url: str) -> None:
        """Raise ``ValueError`` when an address is not on the web, or on a private part of it."""
        if not is_url(url):
            raise ValueError("it points to something that is not on the web")
        host = urlsplit(url).hostname
        try:
            # Behind a proxy this is all that is seen of where a redirect leads.
            self._check(_addresses(host or "", 0))
        except socket.gaierror:
            return  # a proxy may know it; whoever connects without one is told then

    def _check(self, addresses: list[str]) -> None:
        if not all(_is_public(name) or name in (self._named or ()) for name in addresses):
            raise ValueError("it points on to a private address")


class ReachHandler(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens connections to where ``reach`` allows only."""

    def __init__(self, reach: Reach) -> None:
        super().__init__()
        self._reach = reach

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Open an ``http://`` address."""
        return self.do_open(partial(self._opened, http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Open an ``https://`` address."""
        return self.do_open(partial(self._opened, http.client.HTTPSConnection), request)

    def _opened(
        self, kind: type[http.client.HTTPConnection], host: str, **options: Any
    ) -> http.client.HTTPConnection:
        connection = kind(host, **options)
        connection._create_connection = self._reach.connect  # type: ignore[attr-defined]
        return connection


class RedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects to where ``reach`` allows."""

    max_redirections = 3

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def redirect_request(self, *args: Any) -> urllib.request.Request | None:
        """Check the new address first."""
        self._reach.check_redirect(args[-1])
        return super().redirect_request(*args)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_global
