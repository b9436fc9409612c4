"""Reaching a Milvus: a server by its address, or milvus-lite in a file of one's own."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from medx.core import settings
from medx.core.errors import InputError
from medx.core.extras import require_packages

TOKEN_VARIABLE = "MEDX_MILVUS_TOKEN"
CONSISTENCY_VARIABLE = "MEDX_MILVUS_CONSISTENCY"
CONSISTENCIES = ("Strong", "Bounded", "Session", "Eventually")
SCHEMES = ("http", "https", "tcp", "unix")
LITE_SUFFIX = ".db"
#: Seconds to wait for a server that does not answer.
CONNECT_TIMEOUT = 10.0


def default_uri() -> str:
    """Return the file that holds galleries where no address is given."""
    return str(settings.index_dir() / f"milvus{LITE_SUFFIX}")


def is_lite(uri: str) -> bool:
    """Return True when ``uri`` is a file of milvus-lite."""
    return uri.endswith(LITE_SUFFIX) and "://" not in uri


def is_missing(uri: str) -> bool:
    """Return True for a file of milvus-lite that is not there; connecting would make it."""
    return is_lite(uri) and not Path(uri).exists()


def consistency() -> str:
    """Return how fresh reads must be; ``Strong`` sees every write before it.

    Raises:
        InputError: When the environment asks for a level that Milvus has not.
    """
    level = os.environ.get(CONSISTENCY_VARIABLE, "Strong")
    if level not in CONSISTENCIES:
        raise InputError(
            f"{CONSISTENCY_VARIABLE} is {level!r}", hint=f"use one of {', '.join(CONSISTENCIES)}"
        )
    return level


def connect(uri: str) -> Any:
    """Return a client of the Milvus at ``uri``; the token comes from the environment.

    Args:
        uri: ``http://HOST:PORT``, ``https://…``, or a path that ends in ``.db``.

    Raises:
        MissingExtraError: When pymilvus, or for a file milvus-lite, is not installed.
        InputError: When the address cannot be used or nobody answers there.
    """
    _check_address(uri)
    wanted = ("pymilvus", "milvus_lite") if is_lite(uri) else ("pymilvus",)
    require_packages("milvus", "milvus", wanted)
    from pymilvus import MilvusClient

    # They log each failed call with its traceback; what failed comes back as an error anyway.
    for name in ("pymilvus", "milvus_lite", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    if is_lite(uri):
        Path(uri).absolute().parent.mkdir(parents=True, exist_ok=True)
    with translated(uri):
        return MilvusClient(
            uri=uri, token=os.environ.get(TOKEN_VARIABLE, ""), timeout=CONNECT_TIMEOUT
        )


def disconnect(client: Any, uri: str) -> None:
    """Let go of a server, and of a file so that another process can open it."""
    client.close()
    if is_lite(uri):
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(uri)


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn what pymilvus raises within the block into an ``InputError`` about ``uri``."""
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        said = str(getattr(error, "message", "") or error).strip().splitlines()[0][:300]
        raise InputError(f"Milvus at {uri}: {said}", hint=_hint(uri, said)) from error


def _hint(uri: str, said: str) -> str:
    if "Open local milvus failed" in said:
        return (
            "one process at a time can open such a file: is another medx using it? "
            "A Milvus server takes many"
        )
    if "auth" in said.lower() or "permission" in said.lower():
        return f"put the token (user:password or an API key) into {TOKEN_VARIABLE}"
    return f"is a Milvus running there? A path ending in {LITE_SUFFIX} needs none"


def _check_address(uri: str) -> None:
    if is_lite(uri):
        return
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES:
        raise InputError(
            f"{uri!r} is no address of a Milvus",
            hint=f"use http://HOST:19530, or a file that ends in {LITE_SUFFIX}",
        )
    if parts.username or parts.password:
        raise InputError(
            "the address holds a user or a password, which would be kept in logs and settings",
            hint=f"put user:password into {TOKEN_VARIABLE} and leave it out of --uri",
        )
    if settings.offline() and not _is_here(parts.hostname):
        raise InputError(
            f"{settings.OFFLINE_MODE} forbids reaching {parts.hostname}",
            hint=f"use a file that ends in {LITE_SUFFIX}, or {settings.LEAVE_OFFLINE}",
        )


def _is_here(host: str | None) -> bool:
    """Return True for this machine itself."""
    if host in (None, "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False
