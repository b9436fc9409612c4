"""Labels and reference reports that users bring as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from medx.core.console import warn
from medx.core.errors import InputError
from medx.core.words import many
from medx.datasets.importers.sheets import Row, read_sheet
from reportgen.item import file_stem


def read_rows(path: Path, *wanted: str) -> dict[str, Row]:
    """Return the rows of a table by image id.

    Args:
        path: CSV, TSV, XLSX or Parquet.
        wanted: Columns of which it must have one.

    Raises:
        InputError: When it cannot be read, lacks columns, or repeats an id.
    """
    columns, rows = read_sheet(path)
    if "id" not in columns or not set(wanted) & set(columns):
        raise InputError(f"{path} needs the columns id and {' or '.join(wanted)}")
    by_id = {row["id"]: row for row in rows.values() if "id" in row}
    named = sum("id" in row for row in rows.values())
    if len(by_id) < named:
        raise InputError(
            f"{path} repeats {many(named - len(by_id), 'id')}", hint="one row an image"
        )
    return by_id


def read_folder(folder: Path, ids: Sequence[str]) -> dict[str, Row]:
    """Return the texts of a folder by image id.

    Args:
        folder: Holds ``<id>.txt``, or an id as reports' file names have it.
        ids: Of the images reported on.

    Raises:
        InputError: When a file cannot be read, or there is none.
    """
    by_stem = {file_stem(name): name for name in ids}
    rows: dict[str, Row] = {}
    for path in sorted(folder.rglob("*.txt")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            rows[by_stem.get(name, name)] = {"text": path.read_text(encoding="utf-8-sig").strip()}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the reference report {path}: {error}") from error
    if not rows:
        raise InputError(f"{folder} holds no reference report", hint="one <image id>.txt an image")
    return rows


def check_about(path: Path, rows: Mapping[str, Row], ids: Sequence[str]) -> None:
    """Say when a file is silent about some images.

    Raises:
        InputError: When it is about none of them.
    """
    known = sum(name in rows for name in ids)
    if known == 0:
        raise InputError(
            f"{path} is about none of the images reported on",
            hint=f"ids must be those of the reports, such as {ids[0]!r}",
        )
    if known < len(ids):
        warn(f"{path.name} says nothing of {many(len(ids) - known, 'image')} of {len(ids)}")
