"""One writer at a time on a server that has no locks: an empty collection stands for one.

Only one of several clients that make a collection of one name, each with a description of its own,
succeeds. In a milvus-lite file the file's own lock keeps other processes out.
"""

from __future__ import annotations

import os
import shlex
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from medx.core.console import note
from medx.core.errors import InputError
from medx.core.runs import now
from retrieval.index.description import IndexDescription
from retrieval.index.interrupted import telling_state
from retrieval.milvus.catalog import Catalog, alias_of
from retrieval.milvus.connection import is_lite, translated

POLL = 1.0


@contextmanager
def writing(catalog: Catalog, name: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the right to change a gallery.

    Args:
        catalog: Where it is.
        name: Which it is.
        wait: Wait, with a note, while somebody else changes it.

    Raises:
        InputError: When somebody else changes it and ``wait`` is False.
    """
    if is_lite(catalog.uri):
        yield
        return
    lock = lock_name(name)
    said = False
    while (mine := _take(catalog.client, lock)) is None:
        held = _description(catalog.client, lock)
        holder = held.rpartition(" ")[0] or "somebody who has just finished"
        if _is_gone(holder):
            _free(catalog, lock, held)
            continue
        if not wait:
            raise InputError(
                f"gallery {name} is being changed ({holder})",
                hint="try again later; if that process is gone: medx retrieve verify "
                f"{shlex.quote(name)} --backend milvus --uri {shlex.quote(catalog.uri)} "
                "--break-lock",
            )
        if not said:
            note(f"waiting: gallery {name} is being changed ({holder})")
            said = True
        time.sleep(POLL)
    try:
        yield
    finally:
        _free(catalog, lock, mine)


@contextmanager
def changing_gallery(catalog: Catalog, name: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the right to change a gallery as ``writing`` does; Ctrl-C says what became of it."""
    with (
        writing(catalog, name, wait=wait),
        telling_state(name, lambda: _description_of(catalog, name)),
    ):
        yield


def _description_of(catalog: Catalog, name: str) -> IndexDescription | str | None:
    """Return what a gallery says of itself, or why it does not; None where there is none."""
    try:
        if not catalog.holds(name):
            return None
        return catalog.state(catalog.collection_of(alias_of(name))).description
    except InputError as error:
        return str(error)


def lock_name(name: str) -> str:
    """Return the collection that stands for the right to change a gallery."""
    return f"{alias_of(name)}_lock"


def break_lock(catalog: Catalog, name: str) -> None:
    """Give the right to change a gallery back, whoever has it."""
    with translated(catalog.uri):
        catalog.client.drop_collection(lock_name(name))


def _free(catalog: Catalog, lock: str, held: str) -> None:
    """Give a lock back unless somebody else has it by now."""
    with translated(catalog.uri):
        if _description(catalog.client, lock) == held:
            catalog.client.drop_collection(lock)


def _take(client: Any, lock: str) -> str | None:
    """Return the description of the lock that was taken; None when somebody has it."""
    from pymilvus import DataType, MilvusClient
    from pymilvus.exceptions import MilvusException

    mine = f"host {socket.gethostname()} process {os.getpid()} since {now()} {uuid.uuid4().hex}"
    schema = MilvusClient.create_schema(description=mine)
    schema.add_field("key", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    try:
        client.create_collection(lock, schema=schema)
    except MilvusException as error:
        if client.has_collection(lock):
            return None
        if "exist" in str(error) or "duplicate" in str(error):
            return None  # it went away just now
        raise InputError(
            f"Milvus refuses a lock: {error}", hint="it takes the right to make collections"
        ) from error
    return mine if _description(client, lock) == mine else None


def _description(client: Any, lock: str) -> str:
    """Return whose a lock is, empty where there is none."""
    from pymilvus.exceptions import MilvusException

    try:
        return str(client.describe_collection(lock)["description"])
    except MilvusException:
        return ""


def _is_gone(holder: str) -> bool:
    """Return True for a process of this machine that no longer runs."""
    words = holder.split()
    if words[:2] != ["host", socket.gethostname()] or words[2:3] != ["process"]:
        return False
    try:
        os.kill(int(words[3]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
