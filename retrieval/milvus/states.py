"""The states of all collections of a Milvus, as rows of a small collection of its own.

A property of a collection would be the place for them, but a Milvus 2.3 forgets changed properties
when it starts again, where rows are kept for good. A state may need several rows. It counts once
all of them are there, and those of the states before are removed then: whoever reads meanwhile, or
after a crash, finds the last state that is whole.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from retrieval.milvus.connection import translated
from retrieval.milvus.filters import literal

NAME = "medx_states"
#: Characters, all of them ASCII, in one row.
LONGEST = 60_000
MOST_ROWS = 16_384
FIELDS = ("key", "collection", "generation", "part", "parts", "text")


class States:
    """What collections say of themselves, by their names."""

    def __init__(self, client: Any, uri: str) -> None:
        self._client = client
        self._uri = uri
        self._ready = False

    def read(self, collection: str) -> str | None:
        """Return the last state of a collection that is whole, or None."""
        return _newest(self._rows(collection))

    def write(self, collection: str, text: str) -> None:
        """Make an ASCII text the state of a collection."""
        rows = self._rows(collection)
        generation = max((row["generation"] for row in rows), default=0) + 1
        pieces = [text[start : start + LONGEST] for start in range(0, len(text), LONGEST)] or [""]
        fresh = [
            {
                "key": f"{collection}/{generation}/{part}", "collection": collection,
                "generation": generation, "part": part, "parts": len(pieces), "text": piece,
                "vector": [0.0, 1.0],
            }
            for part, piece in enumerate(pieces)
        ]  # fmt: skip
        with translated(self._uri):
            self._make()
            self._client.insert(NAME, data=fresh)
        self._remove(rows)

    def forget(self, collection: str) -> None:
        """Remove what is known of a collection."""
        self._remove(self._rows(collection))

    def _rows(self, collection: str) -> list[dict[str, Any]]:
        with translated(self._uri):
            if not self._ready and not self._client.has_collection(NAME):
                return []
            self._make()
            found = self._client.query(
                NAME, filter=f"collection == {literal(collection)}", output_fields=list(FIELDS),
                limit=MOST_ROWS, consistency_level="Strong",
            )  # fmt: skip
        return [dict(row) for row in found]

    def _remove(self, rows: list[dict[str, Any]]) -> None:
        if rows:
            with translated(self._uri):
                self._client.delete(NAME, ids=[row["key"] for row in rows])

    def _make(self) -> None:
        if self._ready:
            return
        if not self._client.has_collection(NAME):
            self._create()
        self._client.load_collection(NAME)
        self._ready = True

    def _create(self) -> None:
        from pymilvus import DataType, MilvusClient
        from pymilvus.exceptions import MilvusException

        schema = MilvusClient.create_schema(description="what medx keeps of its galleries")
        schema.add_field("key", DataType.VARCHAR, max_length=512, is_primary=True)
        schema.add_field("collection", DataType.VARCHAR, max_length=256)
        for name in ("generation", "part", "parts"):
            schema.add_field(name, DataType.INT64)
        schema.add_field("text", DataType.VARCHAR, max_length=65_535)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
        params = self._client.prepare_index_params()
        params.add_index("vector", index_type="FLAT", metric_type="IP", index_name="vector")
        try:
            self._client.create_collection(NAME, schema=schema, index_params=params)
        except MilvusException:
            if not self._client.has_collection(NAME):  # nobody else has just made it
                raise


def _newest(rows: list[dict[str, Any]]) -> str | None:
    """Return the text of the last generation that is whole."""
    by_generation: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_generation[row["generation"]].append(row)
    for _, parts in sorted(by_generation.items(), reverse=True):
        if len(parts) == parts[0]["parts"]:
            ordered = sorted(parts, key=lambda row: int(row["part"]))
            return "".join(row["text"] for row in ordered)
    return None
