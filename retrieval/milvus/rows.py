"""Indexed images as rows of a Milvus collection, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medx.core.errors import InputError
from retrieval.encoders.base import Embeddings
from retrieval.index.items import COLUMNS, Items
from retrieval.milvus.filters import (
    ABSENT,
    JSON_COLUMN,
    NUMBER_SUFFIX,
    TEXT_COLUMNS,
    as_number,
    column_of,
    json_key,
)

PLACE, VECTOR = "place", "embedding"
ITEM_FIELDS: Final = (*TEXT_COLUMNS, JSON_COLUMN)
#: Bytes that Milvus takes in one JSON value.
LONGEST_JSON = 65_535


def to_rows(
    items: Items, embeddings: Embeddings, places: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Return what Milvus stores of ``items`` at some places.

    Args:
        items: What is known.
        embeddings: ``(N, dim)``, row for row with ``items``.
        places: ``(N,)``.

    Raises:
        InputError: When a value is longer than Milvus can hold.
    """
    values = items.table.to_pylist()
    return [
        {PLACE: place, VECTOR: vector, **_fields(value)}
        for place, vector, value in zip(places.tolist(), embeddings, values, strict=True)
    ]


def to_items(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Items:
    """Return the items that rows of a collection stand for, with the given further columns."""
    found = [_values(row) for row in rows]
    names = dict.fromkeys([*COLUMNS, *columns])
    table = {name: [value.get(name) for value in found] for name in names}
    return Items(pa.table(table, schema=pa.schema([(name, pa.string()) for name in names])))


def _fields(value: Mapping[str, str | None]) -> dict[str, Any]:
    name = str(value["id"])
    fields: dict[str, Any] = {}
    for column, longest in TEXT_COLUMNS.items():
        text = value.get(column)
        if text is not None and (text == ABSENT or len(text.encode()) > longest):
            _refuse(name, column, f"it takes texts of up to {longest} bytes there")
        fields[column] = ABSENT if text is None else text
    more = fields[JSON_COLUMN] = dict(_more(value))
    if len(json.dumps(more, ensure_ascii=False).encode()) > LONGEST_JSON:
        _refuse(name, "text and metadata", f"it takes up to {LONGEST_JSON} bytes of them an image")
    if any("\0" in text for text in value.values() if text):
        _refuse(name, "a text", "it holds a zero byte, where Milvus cuts texts off")
    return fields


def _refuse(name: str, what: str, hint: str) -> NoReturn:
    raise InputError(f"{what} of {name[:80]!r} does not fit into Milvus", hint=hint)


def _more(value: Mapping[str, str | None]) -> Iterator[tuple[str, Any]]:
    for name, text in value.items():
        if text is not None and name not in TEXT_COLUMNS:
            yield json_key(name), text
        number = as_number(text)
        if number is not None:
            yield json_key(name) + NUMBER_SUFFIX, number


def _values(row: Mapping[str, Any]) -> dict[str, str | None]:
    values = {name: None if row[name] == ABSENT else row[name] for name in TEXT_COLUMNS}
    more = {k: text for k, text in row[JSON_COLUMN].items() if not k.endswith(NUMBER_SUFFIX)}
    return {**values, **{column_of(key): text for key, text in more.items()}}
