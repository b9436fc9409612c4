"""Query images from the web, fetched only when the user allows it, within limits."""

from __future__ import annotations

import http.client
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from medx.core import settings
from medx.core.errors import InputError
from medx.core.images import Pixels, read_image
from retrieval.search.web_address import shown_url
from retrieval.search.web_reach import Reach, ReachHandler, RedirectHandler

MAX_BYTES = 64 << 20
SECONDS = 30.0
#: How long the server may say nothing.
SILENCE = 10.0
_BLOCK = 1 << 16


def fetch_image(url: str) -> Pixels:
    """Return the pixels of an image on the web; the file is not kept.

    Raises:
        InputError: When medx is offline, the address does not answer in time, sends too much, or
            sends no image.
    """
    name = shown_url(url)
    if settings.offline():
        raise InputError(f"{name} cannot be fetched: medx is offline", hint="name a file instead")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        try:
            with path.open("wb") as file:
                _download(url, file)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise InputError(
                f"{name} cannot be fetched: {_reason(error)}",
                hint="download it, then name the file",
            ) from error
        try:
            return read_image(path).pixels
        except InputError as error:
            message = str(error).replace(str(path), name)
            raise InputError(
                message, hint="the address must be that of the image itself"
            ) from error


def _download(url: str, file: IO[bytes]) -> None:
    _check_address(url)
    reach = Reach()
    opener = urllib.request.build_opener(ReachHandler(reach), RedirectHandler(reach))
    deadline = time.monotonic() + SECONDS
    request = urllib.request.Request(url, headers={"User-Agent": "medx"})
    with opener.open(request, timeout=SILENCE) as answer:
        size = 0
        while block := answer.read1(_BLOCK):
            size += len(block)
            if size > MAX_BYTES:
                raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
            if time.monotonic() > deadline:
                raise TimeoutError(f"it took longer than {SECONDS:.0f} s")
            file.write(block)


def _check_address(url: str) -> None:
    try:
        host = urlsplit(url).netloc
    except ValueError as error:
        raise http.client.InvalidURL from error
    if "@" in host:
        raise ValueError("it holds a user or a password, which medx sends to nobody")


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.InvalidURL):  # it may repeat the address with all its secrets
        return "that is no valid address"
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__
