"""One Milvus collection: unit vectors with what is known of each.

The key of a row is its ``place``, a number that no other row of the collection ever had; a gallery
counts its rows in the order of their places. Reading is exact but for ``search`` over a kind that
is not ``flat``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from medx.core.console import note
from medx.core.errors import InputError
from retrieval.encoders.base import Embeddings
from retrieval.index.items import Items
from retrieval.milvus.connection import consistency, is_lite, translated
from retrieval.milvus.filters import JSON_COLUMN, TEXT_COLUMNS, literal
from retrieval.milvus.kinds import build_params, search_params
from retrieval.milvus.numbering import Numbering, Range
from retrieval.milvus.rows import PLACE, VECTOR, to_rows

Places = npt.NDArray[np.int64]

#: The most rows that Milvus returns of one search or query.
MOST_ROWS = 16_384
#: Bytes sent or asked for at a time; a Milvus takes 64 MB.
MOST_BYTES = 8 << 20
#: Ids or places named in one expression.
MOST_NAMED = 2_000
#: Columns that searches of medx look at, with an index of their own.
LOOKED_UP = ("id", "label", "split")
#: Seconds between two looks at an index that is being built, and until a look must show progress.
POLL, PATIENCE = 0.2, 900.0
TIMEOUT = 300.0


class Collection:
    """A collection by its name or by an alias of it."""

    def __init__(self, client: Any, uri: str, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim
        self._client = client
        self.uri = uri

    def create(self, *, about: str) -> None:
        """Make the collection, empty.

        Args:
            about: One line for people who look at the server.
        """
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(
            auto_id=False, enable_dynamic_field=False, description=about
        )
        schema.add_field(PLACE, DataType.INT64, is_primary=True)
        for name, longest in TEXT_COLUMNS.items():
            schema.add_field(name, DataType.VARCHAR, max_length=longest)
        schema.add_field(JSON_COLUMN, DataType.JSON)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=self.dim)
        self._call("create_collection", schema=schema, consistency_level="Strong")

    def drop(self) -> None:
        """Remove the collection with all it holds."""
        self._call("drop_collection")

    def insert(self, items: Items, embeddings: Embeddings, places: Places) -> None:
        """Add rows at places where none ever were."""
        size = max(1, MOST_BYTES // (4 * self.dim + 2048))
        for start in range(0, len(items), size):
            part = np.arange(start, min(start + size, len(items)))
            self._call("insert", data=to_rows(items.take(part), embeddings[part], places[part]))

    def delete(self, ranges: Iterable[Range]) -> None:
        """Remove the rows with places in some ranges."""
        named: list[int] = []
        for begin, end in ranges:
            for place in range(begin, end):
                named.append(place)
                if len(named) == MOST_NAMED:
                    self._call("delete", ids=named)
                    named = []
        if named:
            self._call("delete", ids=named)

    def build(self, kind: str, count: int) -> None:
        """Write what was added to storage, build the index of a kind and load it.

        Args:
            kind: Of ``KINDS``.
            count: Live rows; the index is awaited until it covers so many.
        """
        params = self._client.prepare_index_params()
        params.add_index(VECTOR, index_name=VECTOR, **build_params(kind, count, self.dim))
        if not is_lite(self.uri):
            for name in LOOKED_UP:
                params.add_index(name, index_name=name)
        self._call("create_index", index_params=params, sync=False)  # ``settle`` waits for all
        self.settle(count)

    def settle(self, count: int) -> None:
        """Wait until what was written is in storage, in the index, and loaded."""
        self._call("flush")
        self._await_index(count)
        self.load()

    def load(self) -> None:
        """Have the server hold the collection ready for reading."""
        self._call("load_collection")

    def count(self, expression: str = "") -> int:
        """Return how many rows fulfil an expression."""
        found = self._query(filter=expression, output_fields=["count(*)"])
        return int(found[0]["count(*)"])

    def some(self, expression: str, fields: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """Return up to ``limit`` rows that fulfil an expression, whichever come first."""
        return self._query(filter=expression, output_fields=[PLACE, *fields], limit=limit)

    def pages(
        self, expression: str, fields: Sequence[str], begin: int, end: int
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows with places from ``begin`` to before ``end``, in order, some at a time."""
        within = f"{PLACE} >= {begin} and {PLACE} < {end}"
        chosen = f"({expression}) and {within}" if expression else within
        size = self._page_rows(fields)
        matching = self.count(chosen) if end - begin > size else end - begin
        if matching > size:
            middle = (begin + end) // 2
            yield from self.pages(expression, fields, begin, middle)
            yield from self.pages(expression, fields, middle, end)
        elif matching > 0:
            rows = self._query(filter=chosen, output_fields=[PLACE, *fields], limit=MOST_ROWS)
            yield sorted(rows, key=lambda row: row[PLACE])

    def at_places(self, places: Places, fields: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows at some places, in no order."""
        size = min(MOST_NAMED, self._page_rows(fields))
        found: list[dict[str, Any]] = []
        for start in range(0, len(places), size):
            expression = in_ranges(
                Numbering.of_places(np.sort(places[start : start + size])).ranges
            )
            found += self._query(filter=expression, output_fields=[PLACE, *fields], limit=MOST_ROWS)
        return found

    def with_ids(
        self, ids: Iterable[str], fields: Sequence[str], expression: str = ""
    ) -> list[dict[str, Any]]:
        """Return the rows with some ids that fulfil an expression, in no order."""
        names, found = list(dict.fromkeys(ids)), list[dict[str, Any]]()
        size = min(MOST_NAMED, self._page_rows(fields))
        for start in range(0, len(names), size):
            listed = ", ".join(literal(name) for name in names[start : start + size])
            chosen = f"id in [{listed}]" + (f" and ({expression})" if expression else "")
            found += self._query(
                filter=chosen, output_fields=[PLACE, "id", *fields], limit=MOST_ROWS
            )
        return found

    def search(
        self,
        queries: Embeddings,
        limit: int,
        *,
        kind: str,
        expression: str = "",
        effort: int | None = None,
    ) -> list[list[tuple[float, int]]]:
        """Return for each query up to ``limit`` similarities with places, best first.

        Args:
            queries: float32 ``(Q, dim)`` of unit length.
            limit: At most ``MOST_ROWS``.
            kind: The kind of index.
            expression: Only rows that fulfil it.
            effort: How hard the index is searched.
        """
        results: list[list[tuple[float, int]]] = []
        size = max(1, min(MOST_BYTES // (4 * self.dim), (1 << 19) // limit))
        for start in range(0, len(queries), size):
            found = self._call(
                "search", data=list(queries[start : start + size]), filter=expression,
                limit=limit, output_fields=[PLACE], anns_field=VECTOR,
                search_params=search_params(kind, limit, effort), consistency_level=consistency(),
            )  # fmt: skip
            results += [[(hit["distance"], hit["entity"][PLACE]) for hit in hits] for hits in found]
        return results

    def _await_index(self, count: int) -> None:
        started, last, said = time.monotonic(), -1, False
        while True:
            state = self._call("describe_index", index_name=VECTOR)
            indexed, pending = int(state["indexed_rows"]), int(state["pending_index_rows"])
            if pending == 0 and indexed >= count:
                return
            waited = time.monotonic() - started
            if indexed > last:
                started, last = time.monotonic(), indexed
            elif waited > PATIENCE:
                raise InputError(
                    f"Milvus at {self.uri} has indexed {indexed} of {count} vectors "
                    f"and goes no further",
                    hint="look at the server's log",
                )
            if waited > 2 and not said:
                note(f"waiting for Milvus to index {count} vectors")
                said = True
            time.sleep(POLL)

    def _page_rows(self, fields: Sequence[str]) -> int:
        size = 64 + 4 * self.dim * (VECTOR in fields) + 2048 * (JSON_COLUMN in fields)
        return min(MOST_ROWS, max(1, 4 * MOST_BYTES // size))

    def _query(self, **options: Any) -> list[dict[str, Any]]:
        found = self._call("query", consistency_level=consistency(), **options)
        return [dict(row) for row in found]

    def _call(self, method: str, **options: Any) -> Any:
        called: Callable[..., Any] = getattr(self._client, method)
        with translated(self.uri):
            return called(self.name, timeout=TIMEOUT, **options)


def in_ranges(ranges: Sequence[Range]) -> str:
    """Return the expression for places in some ranges."""
    single = [begin for begin, end in ranges if end == begin + 1]
    tests = [f"({PLACE} >= {a} and {PLACE} < {b})" for a, b in ranges if b > a + 1]
    if single or not ranges:
        tests.append(f"{PLACE} in [{', '.join(map(str, single))}]")
    return " or ".join(tests)
