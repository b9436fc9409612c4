"""What an index knows of each of its vectors: ``items.parquet``, one row a vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medx.core.errors import InputError, UnknownNameError, UnknownSplitError
from medx.core.values import Hit
from retrieval.index.where import parse_where


@dataclass(frozen=True, kw_only=True)
class Item:
    """One indexed image.

    Args:
        id: Unique in the index, and kept for good.
        content_hash: Of the decoded pixels.
        path: Relative to the dataset.
        dataset: Name of the dataset it comes from; None is the one the index was built from.
        extra: Further columns of the manifest, as ``extra_columns`` calls them.
    """

    id: str
    content_hash: str
    path: str
    label: str | None = None
    split: str | None = None
    group: str | None = None
    source: str | None = None
    text: str | None = None
    dataset: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


COLUMNS = tuple(f.name for f in fields(Item) if f.name != "extra")


class Items:
    """The rows of an index, held as columns; a row is only unpacked when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @classmethod
    def from_items(cls, items: Sequence[Item]) -> Items:
        """Return the table of ``items``; ids must be unique."""
        columns = {name: [getattr(item, name) for item in items] for name in COLUMNS}
        for name in dict.fromkeys(name for item in items for name in item.extra):
            columns[name] = [item.extra.get(name) for item in items]
        table = cls(pa.table(columns, schema=pa.schema([(n, pa.string()) for n in columns])))
        table.check_unique()
        return table

    @classmethod
    def concat(cls, parts: Sequence[Items]) -> Items:
        """Return the rows of all parts; a column that a part lacks is empty there."""
        if not parts:
            return cls.from_items([])
        return cls(pa.concat_tables([part.table for part in parts], promote_options="default"))

    @classmethod
    def load(cls, path: Path) -> Items:
        """Read ``items.parquet``.

        Raises:
            InputError: When it is damaged, or a column is missing or of another type.
        """
        try:
            table = pq.ParquetFile(path, memory_map=True).read()
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise InputError(f"{path} lacks the column {missing[0]!r}")
        strange = [name for name in COLUMNS if not pa.types.is_string(table.column(name).type)]
        if strange:
            raise InputError(f"{path} is damaged: column {strange[0]!r} holds no texts")
        return cls(table)

    def save(self, path: Path) -> None:
        """Write ``items.parquet``."""
        pq.write_table(self.table, path, compression="zstd")

    def check_unique(self) -> None:
        """Raise ``ValueError`` when two rows have one id."""
        if pc.count_distinct(self.table.column("id")).as_py() < len(self):
            repeated = Counter(self.column("id")).most_common(1)[0][0]
            raise ValueError(f"ids must be unique, got {repeated!r} more than once")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns; filters may name these."""
        return tuple(self.table.column_names)

    def array(self, name: str) -> pa.ChunkedArray:
        """Return one column as Arrow holds it, in row order."""
        return self.table.column(name)

    def column(self, name: str) -> list[str | None]:
        """Return one column, in row order."""
        values: list[str | None] = self.array(name).to_pylist()
        return values

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {str(name): row for row, name in enumerate(self.column("id"))}

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._row_of

    def row(self, record_id: str) -> int:
        """Return the row of an id; raise ``UnknownNameError`` with near ids."""
        if record_id not in self._row_of:
            raise _unknown_id(record_id, self._row_of)
        return self._row_of[record_id]

    def rows_of(self, ids: Iterable[str]) -> list[int]:
        """Return the rows of the ids that are indexed, leaving out the others."""
        return [self._row_of[name] for name in ids if name in self._row_of]

    def rows_where(self, name: str, value: str) -> npt.NDArray[np.int64]:
        """Return the rows whose column ``name`` equals ``value``."""
        rows = pc.indices_nonzero(pc.equal(self.array(name), value))
        return np.asarray(rows.to_numpy(), np.int64)

    def distinct(self, name: str, most: int) -> list[str] | None:
        """Return the values that a column holds, in order; None for more than ``most``."""
        values = self.array(name).unique().drop_null()
        return sorted(values.to_pylist()) if len(values) <= most else None

    def mask_where(self, text: str) -> npt.NDArray[np.bool_]:
        """Return which rows fulfil a filter such as ``label = 'pneumonia'``.

        Raises:
            InputError: When it cannot be read or names another column.
        """
        return parse_where(text, self.columns).mask(self.table)

    @cached_property
    def splits(self) -> dict[str, int]:
        """How many rows each split holds; rows without one count as ``-``."""
        counts = Counter[str]()
        for pair in self.array("split").value_counts().to_pylist():
            counts[pair["values"] or "-"] += pair["counts"]
        return dict(counts)

    def split_rows(self, split: str) -> npt.NDArray[np.int64]:
        """Return the rows of a split, or all of them for ``all``.

        Raises:
            UnknownSplitError: When no row is in that split.
        """
        if split == "all":
            return np.arange(len(self))
        rows = self.rows_where("split", split)
        if len(rows) == 0:
            raise UnknownSplitError("the index", split, self.splits)
        return rows

    def take(self, rows: npt.NDArray[np.int64]) -> Items:
        """Return the given rows, in that order."""
        return Items(self.table.take(pa.array(rows)))

    def remember(self, rows: npt.NDArray[np.int64]) -> None:
        """Make ready what ``item`` will return; a server is asked once for all."""

    def item(self, row: int) -> Item:
        """Return one row."""
        return _item(
            {name: self.table.column(name)[row].as_py() for name in self.table.column_names}
        )

    def to_list(self) -> list[Item]:
        """Return all rows."""
        return [_item(values) for values in self.table.to_pylist()]

    def hit(self, row: int, *, rank: int, similarity: float) -> Hit:
        """Return one row as a hit; ``rank`` counts from 1."""
        item = self.item(row)
        return Hit(
            rank=rank,
            id=item.id,
            similarity=min(1.0, max(-1.0, similarity)),
            label=item.label,
            split=item.split,
            path=item.path,
            text=item.text,
        )


def _item(values: dict[str, Any]) -> Item:
    known = {name: values.pop(name) for name in COLUMNS}
    return Item(**known, extra={name: text for name, text in values.items() if text})


def extra_columns(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the filled columns of a manifest under names that are none of the index's own."""
    return {f"manifest_{n}" if n in COLUMNS else n: value for n, value in extra.items() if value}


def _unknown_id(record_id: str, known: Iterable[str]) -> UnknownNameError:
    names = list(known)
    error = UnknownNameError("id", record_id, names)
    # The registry lists every known name; an index may hold a million of them.
    near = (error.hint or "").partition(" known:")[0]
    near = near if near.startswith("did you mean") else ""
    error.hint = f"{near} ids look like {names[0]!r}".strip()
    return error
