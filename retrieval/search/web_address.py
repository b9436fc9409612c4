"""Web addresses, without what fetching from them needs."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_url(text: str) -> bool:
    """Return True for an ``http://`` or ``https://`` address."""
    return text.lower().startswith(("http://", "https://"))


def shown_url(url: str) -> str:
    """Return an address without what may be secret: user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "a web address that cannot be read"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
