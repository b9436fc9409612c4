"""What is known of the images of a Milvus gallery, fetched when it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medx.core.errors import InputError, UnknownNameError
from retrieval.index.items import Item, Items
from retrieval.index.where import parse_where
from retrieval.index.where_expression import Compare, In, IsNull
from retrieval.milvus.filters import ABSENT, JSON_COLUMN, TEXT_COLUMNS, json_key, print_filter
from retrieval.milvus.part import Part, places_of
from retrieval.milvus.rows import ITEM_FIELDS, to_items

#: Images of which all are fetched to name near ids.
FEW = 10_000
#: Single rows, and ids, that are remembered.
MOST_REMEMBERED = 100_000
#: Rows that are fetched at a time to see which values a column holds.
LOOKED_AT = 1_000


class MilvusItems(Items):
    """The rows of a gallery; rows and columns come from the server when they are asked for."""

    def __init__(
        self,
        part: Part,
        columns: Sequence[str],
        *,
        within: MilvusItems | None = None,
    ) -> None:
        """Look at some rows of a collection.

        Args:
            part: Which they are.
            columns: All that is known of an image.
            within: Items that hold these, should they be fetched already.
        """
        self._columns = tuple(columns)
        self._part = part
        self._within = within
        self._remembered: dict[int, Item] = {}
        self._rows_by_id: dict[str, int] = {}
        self._arrays: dict[str, pa.ChunkedArray] = {}

    def __len__(self) -> int:
        return len(self._part)

    @property
    def columns(self) -> tuple[str, ...]:
        """All that is known of an image."""
        return self._columns

    @property
    def fetched(self) -> bool:
        """True when all rows are here."""
        return "table" in vars(self)

    @cached_property
    def table(self) -> pa.Table:
        """All rows, fetched once."""
        if self._within is not None and self._within.fetched:
            places = self._part.numbering.places()
            return self._within.take(self._within.rows_at(places)).table
        return to_items(self._fetch(ITEM_FIELDS), self.columns).table

    def array(self, name: str) -> pa.ChunkedArray:
        """Return one column, fetched once; one that is in no field of its own fetches all rows."""
        if self.fetched or name not in TEXT_COLUMNS:
            return super().array(name)
        if name not in self._arrays:
            values = [None if row[name] == ABSENT else row[name] for row in self._fetch([name])]
            self._arrays[name] = pa.chunked_array([pa.array(values, pa.string())])
        return self._arrays[name]

    def _fetch(self, fields: Sequence[str]) -> list[dict[str, Any]]:
        """Return fields of all rows, in order."""
        rows = [row for page in self._part.pages("", fields) for row in page]
        if len(rows) != len(self):
            raise InputError(
                f"the gallery changed while it was read: {len(rows)} images where {len(self)} were",
                hint="run the command again",
            )
        return [rows[i] for i in np.argsort(self.rows_at(places_of(rows)))]

    def rows_at(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the rows at some places of the collection, -1 where there is none."""
        return self._part.numbering.rows(places)

    def places(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return where some rows stand in the collection."""
        return self._part.numbering.places(rows)

    def distinct(self, name: str, most: int) -> list[str] | None:
        """Return the values that a column holds, in order; None for more than ``most``.

        The server is asked for rows with other values than those found, until it has none.
        """
        if self.fetched or name in self._arrays or self._part.scope is None:
            return super().distinct(name, most)
        found: set[str] = set()
        while len(found) <= most:
            fresh = self._values_beside(name, found)
            if fresh <= found:
                return sorted(found)
            found |= fresh
        return None

    def _values_beside(self, name: str, known: set[str]) -> set[str]:
        """Return some values of a column that are not known; empty where there is no other."""
        other = In(name, tuple(known), negated=True) if known else IsNull(name, negated=True)
        field = name if name in TEXT_COLUMNS else JSON_COLUMN
        chosen = self._part.within(print_filter(other))
        rows = self._part.collection.some(chosen, [field], LOOKED_AT)
        return {row[name] if field == name else row[field][json_key(name)] for row in rows}

    def rows_where(self, name: str, value: str) -> npt.NDArray[np.int64]:
        """Return the rows whose column ``name`` equals ``value``."""
        if self.fetched or name in self._arrays:
            return super().rows_where(name, value)
        chosen = print_filter(Compare(name, "=", value))
        places = [places_of(page) for page in self._part.pages(chosen, [])]
        return np.sort(self.rows_at(np.concatenate([np.empty(0, np.int64), *places])))

    def mask_where(self, text: str) -> npt.NDArray[np.bool_]:
        """Return which rows fulfil a filter such as ``label = 'pneumonia'``.

        Raises:
            InputError: When it cannot be read, names another column, or Milvus has no such test.
        """
        chosen = print_filter(parse_where(text, self.columns).expression)
        mask = np.zeros(len(self), bool)
        for page in self._part.pages(chosen, []):
            mask[self.rows_at(places_of(page))] = True
        return mask

    def splits_of(self, rows: npt.NDArray[np.int64]) -> Counter[str]:
        """Return how many of some rows each split holds."""
        if self.fetched:
            return Counter(self.take(rows).splits)
        found = self._part.collection.at_places(self.places(rows), ["split"])
        return Counter("-" if row["split"] in ("", ABSENT) else row["split"] for row in found)

    def __contains__(self, record_id: object) -> bool:
        return isinstance(record_id, str) and bool(self.rows_of([record_id]))

    def row(self, record_id: str) -> int:
        """Return the row of an id; raise ``UnknownNameError`` with near ids, of many with any."""
        found = self.rows_of([record_id])
        if found:
            return found[0]
        if len(self) <= FEW:
            return super().row(record_id)
        error = UnknownNameError("id", record_id, [])
        if len(self):
            error.hint = f"ids look like {self.item(0).id!r}"
        raise error

    def rows_of(self, ids: Iterable[str]) -> list[int]:
        """Return the rows of the ids that are indexed, leaving out the others."""
        names = list(ids)
        if self.fetched or "id" in self._arrays:
            return super().rows_of(names)
        remembered = self._rows_by_id
        known = {name: remembered[name] for name in names if name in remembered}
        strange = [name for name in names if name not in known]
        if strange:
            found = self._part.with_ids(strange)
            fresh = {name: found.get(name, -1) for name in strange}
            known |= fresh
            self._remember_ids(fresh)
        return [row for row in map(known.__getitem__, names) if row >= 0]

    def remember(self, rows: npt.NDArray[np.int64]) -> None:
        """Fetch some rows at once, for ``item`` to return them."""
        missing = [] if self.fetched else [r for r in rows.tolist() if r not in self._remembered]
        if not missing:
            return
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.clear()
            missing = rows.tolist()
        places = self._part.numbering.places(np.array(missing, np.int64))
        found = self._part.collection.at_places(places, ITEM_FIELDS)
        items = to_items(found, self.columns)
        numbers = self.rows_at(places_of(found))
        fresh = {int(row): items.item(i) for i, row in enumerate(numbers)}
        self._remembered |= fresh
        self._remember_ids({item.id: row for row, item in fresh.items()})

    def _remember_ids(self, fresh: dict[str, int]) -> None:
        if len(self._rows_by_id) > MOST_REMEMBERED:
            self._rows_by_id = {}
        self._rows_by_id |= fresh

    def item(self, row: int) -> Item:
        """Return one row.

        Raises:
            InputError: When it was removed since the gallery was opened.
        """
        if self.fetched:
            return super().item(row)
        self.remember(np.array([row], np.int64))
        try:
            return self._remembered[int(row)]
        except KeyError:
            raise InputError(
                "an image was removed from the gallery while it was searched",
                hint="run the command again",
            ) from None
