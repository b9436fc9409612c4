"""Reading many queries from one file: a line, a row or an object each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from medx.core.errors import InputError

SUFFIXES = (".txt", ".csv", ".jsonl")


class Asked(NamedTuple):
    """One query of a file.

    Args:
        number: Which line, from 1.
        name: What the file calls it, or nothing.
        text: The query as it would be typed.
    """

    number: int
    name: str
    text: str


def read_queries(path: Path) -> list[Asked]:
    """Return the queries of a file; empty lines are none, unless they have a name.

    ``.txt`` holds one a line; ``.csv`` and ``.jsonl`` have ``query`` and perhaps ``name``.

    Raises:
        InputError: When it is missing, of another kind, damaged or holds no query.
    """
    readers = {".txt": _read_lines, ".csv": _read_csv, ".jsonl": _read_jsonl}
    kind = path.suffix.lower()
    if kind not in readers:
        raise InputError(
            f"{path} is no file of queries", hint=f"name a file that ends in {', '.join(SUFFIXES)}"
        )
    try:
        found = [asked for asked in readers[kind](path) if asked.text.strip() or asked.name]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} is no {kind} file in UTF-8: {error}", hint="save it as UTF-8"
        ) from error
    if not found:
        raise InputError(f"{path} holds no query", hint="write one a line")
    return found


def _read_lines(path: Path) -> Iterator[Asked]:
    text = path.read_text(encoding="utf-8-sig")
    for number, line in enumerate(text.splitlines(), start=1):
        yield Asked(number, "", line.strip())


def _read_csv(path: Path) -> Iterator[Asked]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        if "query" not in (rows.fieldnames or ()):
            named = ", ".join(rows.fieldnames or ()) or "nothing"
            raise InputError(f"{path} has no column 'query'", hint=f"its first line names {named}")
        for row in rows:
            yield Asked(rows.line_num, row.get("name") or "", row["query"] or "")


def _read_jsonl(path: Path) -> Iterator[Asked]:
    text = path.read_text(encoding="utf-8-sig")
    for number, line in enumerate(text.split("\n"), start=1):  # JSON may hold other line ends
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(
                f"line {number} of {path} is not JSON", hint="write one object a line"
            ) from error
        if not isinstance(value, dict) or not isinstance(value.get("query"), str):
            raise InputError(
                f"line {number} of {path} has no 'query'",
                hint='write lines like {"query": "consolidation"}',
            )
        yield Asked(number, str(value.get("name") or ""), value["query"])
