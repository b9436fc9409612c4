"""The galleries of a Milvus: each a collection behind an alias, with its state beside it.

A name leads to an alias, and the alias to the collection that counts. A build fills a new
collection and moves the alias in one step; what a crash leaves without an alias the next build of
that name removes. The state of a collection is its description, with the encoder's fingerprint,
and which of its rows count: what a change adds counts once the state says so, and what it removes
counts until then.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import Field, ValidationError

from medx.core.errors import InputError, UnknownNameError
from medx.core.values import Value
from retrieval.index.tuning import Tuning
from retrieval.milvus.collection import Collection
from retrieval.milvus.connection import connect, disconnect, translated
from retrieval.milvus.description import MilvusDescription
from retrieval.milvus.numbering import Range
from retrieval.milvus.states import States

PREFIX = "medx"

_OPEN: list[Catalog] = []


class State(Value):
    """What a collection says of itself: the one thing that a change replaces at its end."""

    description: MilvusDescription
    tuning: Tuning | None = Field(default=None, description="How its index is searched.")
    columns: tuple[str, ...] = Field(description="All that is known of an image.")
    end: int = Field(description="Rows from this place on are not of the gallery.")
    gaps: tuple[Range, ...] = Field(
        default=(), description="Places before it whose rows left, in ascending ranges."
    )
    purged: bool = Field(default=True, description="Whether the rows of the gaps are gone.")


class Catalog:
    """The galleries of the Milvus at ``uri``; ``catalog_at`` makes it."""

    def __init__(self, uri: str) -> None:
        """Connect.

        Raises:
            MissingExtraError: When pymilvus is not installed.
            InputError: When no Milvus answers there.
        """
        self.uri = uri
        self.client = connect(uri)
        self._states = States(self.client, uri)
        _OPEN.append(self)

    def close(self) -> None:
        """Disconnect; another process can then open the file of a milvus-lite."""
        disconnect(self.client, self.uri)

    def names(self) -> list[str]:
        """Return the names of the galleries."""
        return sorted(s.description.name for _, s in self.states() if isinstance(s, State))

    def states(self) -> Iterator[tuple[str, State | InputError]]:
        """Yield each gallery's alias with what it says of itself, or why that cannot be read."""
        for alias in self._aliases():
            try:
                yield alias, self.state(self.collection_of(alias))
            except InputError as error:
                yield alias, error

    def holds(self, name: str) -> bool:
        """Return True when there is a gallery of that name."""
        return alias_of(name) in self._aliases()

    def find(self, name: str) -> tuple[Collection, State]:
        """Return the collection of a gallery, and what it says of itself.

        Raises:
            UnknownNameError: When there is none of that name.
            InputError: When its description is missing or damaged.
        """
        alias = alias_of(name)
        if alias not in self._aliases():
            error = UnknownNameError(f"index in the Milvus at {self.uri}:", name, self.names())
            error.hint = error.hint or "none is built yet: run `medx retrieve build`"
            raise error
        name_there = self.collection_of(alias)
        state = self.state(name_there)
        collection = self.open(name_there, state.description.encoder.dim)
        collection.load()
        return collection, state

    def open(self, collection: str, dim: int) -> Collection:
        """Return a collection by its own name."""
        return Collection(self.client, self.uri, collection, dim)

    def collection_of(self, alias: str) -> str:
        """Return the name of the collection that an alias leads to."""
        with translated(self.uri):
            return str(self.client.describe_alias(alias=alias)["collection_name"])

    def state(self, collection: str) -> State:
        """Return what a collection says of itself.

        Raises:
            InputError: When that is missing, damaged or of another medx.
        """
        try:
            state = State.model_validate_json(self._states.read(collection) or "")
        except ValidationError as error:
            raise InputError(
                f"collection {collection} of the Milvus at {self.uri} has no description that "
                "this medx can read",
                hint="build the gallery again with `medx retrieve build`",
            ) from error
        here = state.description.opened(self.uri, state.tuning)
        return state.model_copy(update={"description": here})

    def write_state(self, collection: str, state: State) -> None:
        """Make ``state`` what a collection says of itself, in one step."""
        self._states.write(collection, json.dumps(state.model_dump(mode="json")))

    def new_collection(self, name: str, dim: int, *, about: str) -> Collection:
        """Make an empty collection for a gallery; nobody sees it until ``publish``."""
        collection = self.open(f"{alias_of(name)}_{uuid.uuid4().hex[:8]}", dim)
        collection.create(about=about)
        return collection

    def publish(self, name: str, collection: Collection) -> None:
        """Let a name lead to a collection, and remove those it led to before."""
        alias = alias_of(name)
        move = "alter_alias" if alias in self._aliases() else "create_alias"
        with translated(self.uri):
            getattr(self.client, move)(collection_name=collection.name, alias=alias)
        self.sweep(name, keep=collection.name)

    def sweep(self, name: str, *, keep: str) -> None:
        """Remove the collections of a name but one: replaced ones, and what a crash left."""
        ours = re.compile(re.escape(alias_of(name)) + r"_[0-9a-f]{8}")
        for other in self._call("list_collections"):
            if ours.fullmatch(other) and other != keep:
                self.open(other, 1).drop()
                self._states.forget(other)

    def _aliases(self) -> list[str]:
        found = self._call("list_aliases")
        return [alias for alias in found["aliases"] if alias.startswith(f"{PREFIX}_")]

    def _call(self, method: str) -> Any:
        with translated(self.uri):
            return getattr(self.client, method)()


@cache
def catalog_at(uri: str) -> Catalog:
    """Return the galleries of the Milvus at ``uri``; one connection serves the whole process.

    Raises:
        MissingExtraError: When pymilvus is not installed.
        InputError: When no Milvus answers there.
    """
    return Catalog(uri)


def close_catalogs() -> None:
    """Disconnect from every Milvus, so that other processes can open its file."""
    while _OPEN:
        _OPEN.pop().close()
    catalog_at.cache_clear()


def alias_of(name: str) -> str:
    """Return the alias of a gallery: letters, digits and ``_`` only, different for each name."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:80]
    return f"{PREFIX}_{plain}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
