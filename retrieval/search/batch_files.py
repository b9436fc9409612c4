"""Writing the answers to a file of queries: JSON lines, or a CSV with one row a hit."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from medx.core.errors import InputError
from medx.core.files import atomic_path
from retrieval.search.batch import BatchEntry

SUFFIXES = (".jsonl", ".csv")
COLUMNS = (
    "number", "name", "query", "rank", "id", "similarity", "label", "split", "path", "text",
    "vote", "vote_share", "warning", "error", "encoder", "synthetic", "disclaimer",
)  # fmt: skip


def check_output(path: Path, *, resume: bool = False) -> None:
    """Raise ``InputError`` unless answers can be written to ``path``."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"answers cannot be written to {path}",
            hint=f"name a file that ends in {' or '.join(SUFFIXES)}",
        )
    if path.exists():
        raise InputError(
            f"{path} is {'complete' if resume else 'there'} already",
            hint="name another file, or delete it",
        )


def write_entries(entries: Sequence[BatchEntry], path: Path) -> None:
    """Write the answers in the order of the queries, all or nothing."""
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".csv":
            _write_csv(entries, temporary)
        else:
            lines = "".join(entry.model_dump_json() + "\n" for entry in entries)
            temporary.write_text(lines, encoding="utf-8")


def _write_csv(entries: Sequence[BatchEntry], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="")
        writer.writeheader()
        for entry in entries:
            writer.writerows(_rows(entry))


def _rows(entry: BatchEntry) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {
        "number": entry.number, "name": entry.name, "query": entry.query, "error": entry.error,
    }  # fmt: skip
    result = entry.result
    if result is None:
        yield row
        return
    row |= {
        "warning": result.warning,
        "encoder": result.encoder,
        "synthetic": result.synthetic,
        "disclaimer": result.disclaimer,
    }
    if result.vote:
        row |= {"vote": result.vote.label, "vote_share": result.vote.share}
    if not result.hits:
        yield row
    for hit in result.hits:
        yield row | hit.model_dump()
