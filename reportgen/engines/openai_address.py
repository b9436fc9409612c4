"""Which server is asked, whether images leave this machine, and the key."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from medx.core.errors import InputError
from medx.core.settings import LEAVE_OFFLINE, offline

BASE_URL_VARIABLE = "MEDX_OPENAI_BASE_URL"
KEY_VARIABLES = ("MEDX_OPENAI_API_KEY", "OPENAI_API_KEY")

#: Where vLLM and most others listen.
DEFAULT_BASE_URL = "http://127.0.0.1:8000/v1"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a server is.

    Args:
        base_url: Without a slash at the end, usually ``…/v1``.
        source: Who named it: an option, a variable or the default.
    """

    base_url: str
    source: str

    @property
    def host(self) -> str:
        """Host name or address, without the port."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_local(self) -> bool:
        """True when nothing sent there leaves this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_encrypted(self) -> bool:
        """True for https."""
        return urlsplit(self.base_url).scheme == "https"


@dataclass(frozen=True, kw_only=True)
class Key:
    """An API key, which no message and no file may show."""

    variable: str
    value: str = field(repr=False)

    def hide(self, body: bytes) -> bytes:
        """Return ``body`` without the key: servers repeat it when they refuse it."""
        return body.replace(self.value.encode(), b"[key]")


def find_address(base_url: str | None) -> Address:
    """Return the server that the option, else the environment, else the default names.

    Raises:
        InputError: When it is no http(s) address, holds a password, or is not this machine while
            medx is offline.
    """
    said = base_url or os.environ.get(BASE_URL_VARIABLE)
    source = "--base-url" if base_url else BASE_URL_VARIABLE if said else "the default"
    address = Address(base_url=_checked_url(said or DEFAULT_BASE_URL, source), source=source)
    if offline() and not address.is_local:
        raise InputError(
            f"offline: {address.host} is not this machine, and images would be sent there",
            hint=f"{LEAVE_OFFLINE}, or serve on 127.0.0.1",
        )
    return address


def find_key() -> Key | None:
    """Return the key of the first variable that holds one.

    Raises:
        InputError: When it cannot be sent.
    """
    for variable in KEY_VARIABLES:
        value = os.environ.get(variable, "").strip()
        if value and not (value.isascii() and value.isprintable()):
            raise InputError(f"{variable} holds characters that no key has")
        if value:
            return Key(variable=variable, value=value)
    return None


def _checked_url(url: str, source: str) -> str:
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(c.isspace() for c in url.strip()):
        raise InputError(
            f"{source} is no address of a server: {url!r}", hint=f"like {DEFAULT_BASE_URL}"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            f"{source} must not hold a user, password or query", hint=f"set {KEY_VARIABLES[0]}"
        )
    path = parts.path.rstrip("/") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"
