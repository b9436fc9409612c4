"""Rows of a CSV, TSV, Parquet or XLSX file as words."""

from __future__ import annotations

import csv
import math
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from medx.core.errors import InputError

#: A workbook that unpacks to more is a bomb.
MAX_WORKBOOK = 512 << 20
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet", ".xlsx"})

Row = dict[str, str]


def read_sheet(path: Path) -> tuple[list[str], dict[int, Row]]:
    """Return the column names of a table, and its rows by number as a spreadsheet counts them.

    The header is row 1. Empty cells are left out of a row, and rows of nothing else altogether.

    Raises:
        InputError: When it cannot be read, is empty, or repeats a column.
    """
    if not path.is_file():
        raise InputError(f"no such table: {path}", hint="check the path")
    readers = {".parquet": _read_parquet, ".xlsx": _read_xlsx}
    columns, rows = readers.get(path.suffix.lower(), _read_csv)(path)
    repeated = [name for name, count in Counter(filter(None, columns)).items() if count > 1]
    if repeated:
        raise InputError(f"{path} repeats the column {repeated[0]!r}", hint="rename one of them")
    if not rows:
        raise InputError(f"{path} has no rows", hint="it needs a header and a row an image")
    return columns, rows


def _read_csv(path: Path) -> tuple[list[str], dict[int, Row]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets write a BOM
            header = stream.readline()
            stream.seek(0)
            delimiter = max(",;\t", key=header.count)
            cells = csv.reader(stream, delimiter=delimiter)
            return _rows(next(cells, []), cells)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text", hint="save it as CSV UTF-8") from error
    except (OSError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file: {error}") from error


def _read_parquet(path: Path) -> tuple[list[str], dict[int, Row]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
        columns = [str(name) for name in table.column_names]
        return _rows(columns, zip(*(column.to_pylist() for column in table.columns), strict=True))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error


def _read_xlsx(path: Path) -> tuple[list[str], dict[int, Row]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_WORKBOOK:
                raise InputError(f"{path} is too large to be a table")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drop-down lists and styles that do not matter here
            workbook = load_workbook(path, read_only=True, data_only=True)
            with closing(workbook):
                cells: Iterator[tuple[Any, ...]] = workbook.worksheets[0].iter_rows(
                    values_only=True
                )
                return _rows(next(cells, ()), cells)
    except InputError:
        raise
    except Exception as error:  # the reader raises anything on a damaged workbook
        raise InputError(f"{path} is not an XLSX file: {error}") from error


def _rows(
    header: Iterable[Any], cells: Iterable[Iterable[Any]]
) -> tuple[list[str], dict[int, Row]]:
    columns = [_word(name) for name in header]
    rows = {}
    for number, line in enumerate(cells, start=2):
        words = ((name, _word(cell)) for name, cell in zip(columns, line, strict=False) if name)
        if row := {name: word for name, word in words if word}:
            rows[number] = row
    return columns, rows


def _word(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # spreadsheets keep whole numbers as 1.0
    return str(value).strip()
