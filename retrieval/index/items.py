"""What an index knows of each of its vectors: ``items.parquet``, one row a vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from medx.core.errors import InputError, UnknownNameError
from medx.core.values import Hit


@dataclass(frozen=True, kw_only=True)
class Item:
    """One indexed image. ``path`` is relative to the dataset."""

    id: str
    content_hash: str
    path: str
    label: str | None = None
    split: str | None = None
    group: str | None = None
    source: str | None = None
    text: str | None = None


COLUMNS = tuple(f.name for f in fields(Item))


class Items:
    """The rows of an index, held as columns; a row is only unpacked when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @classmethod
    def from_items(cls, items: Sequence[Item]) -> Items:
        """Return the table of ``items``; ids must be unique."""
        repeated = [name for name, n in Counter(item.id for item in items).items() if n > 1]
        if repeated:
            raise ValueError(f"ids must be unique, got {repeated[0]!r} more than once")
        columns = {name: [getattr(item, name) for item in items] for name in COLUMNS}
        return cls(pa.table(columns, schema=pa.schema([(name, pa.string()) for name in COLUMNS])))

    @classmethod
    def load(cls, path: Path) -> Items:
        """Read ``items.parquet``.

        Raises:
            InputError: When it is damaged or lacks a column.
        """
        try:
            table = pq.ParquetFile(path, memory_map=True).read()
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
        missing = [name for name in COLUMNS if name not in table.column_names]
        if missing:
            raise InputError(f"{path} lacks the column {missing[0]!r}")
        return cls(table)

    def save(self, path: Path) -> None:
        """Write ``items.parquet``."""
        pq.write_table(self._table, path, compression="zstd")

    def column(self, name: str) -> list[str | None]:
        """Return one column, in row order."""
        values: list[str | None] = self._table.column(name).to_pylist()
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
        column = np.asarray(self.column(name), dtype=object)
        return np.flatnonzero(column == value)

    @cached_property
    def splits(self) -> dict[str, int]:
        """How many rows each split holds; rows without one count as ``-``."""
        return dict(Counter(split or "-" for split in self.column("split")))

    def split_rows(self, split: str) -> npt.NDArray[np.int64]:
        """Return the rows of a split, or all of them for ``all``.

        Raises:
            UnknownNameError: When no row is in that split.
        """
        if split == "all":
            return np.arange(len(self))
        rows = self.rows_where("split", split)
        if len(rows) == 0:
            raise UnknownNameError("split of the index", split, [*self.splits, "all"])
        return rows

    def take(self, rows: npt.NDArray[np.int64]) -> Items:
        """Return the given rows, in that order."""
        return Items(self._table.take(pa.array(rows)))

    def item(self, row: int) -> Item:
        """Return one row."""
        return Item(**{name: self._table.column(name)[row].as_py() for name in COLUMNS})

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


def _unknown_id(record_id: str, known: Iterable[str]) -> UnknownNameError:
    names = list(known)
    error = UnknownNameError("id", record_id, names)
    # The registry lists every known name; an index may hold a million of them.
    near = (error.hint or "").partition(" known:")[0]
    near = near if near.startswith("did you mean") else ""
    error.hint = f"{near} ids look like {names[0]!r}".strip()
    return error
