"""What people see: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.progress import Progress

T = TypeVar("T")

#: Of a column: a space on both sides and one between columns.
PADDING = 3

stderr = Console(stderr=True, highlight=False, soft_wrap=True)

_listeners: list[Callable[[str], None]] = []


def note(message: str) -> None:
    """Tell the user something that is not the result."""
    _say(message, style="dim")


def warn(message: str) -> None:
    """Tell the user something that changes how the result should be read."""
    _say(f"warning: {message}", style="yellow")


def _say(message: str, *, style: str) -> None:
    stderr.print(message, style=style, markup=False)
    for listener in _listeners:
        listener(message)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Send every note and warning of the block to ``listener`` as well (a run's ``log.txt``)."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def told_on_interrupt(message: str | Callable[[], str]) -> Iterator[None]:
    """Say what was kept and how to go on when Ctrl-C ends the block.

    Args:
        message: What to say, or what finds it out at that moment.
    """
    try:
        yield
    except KeyboardInterrupt:
        note(message if isinstance(message, str) else message())
        raise


@contextmanager
def progress_bar(description: str, total: int | None) -> Iterator[Progress]:
    """Show one bar on stderr; the block advances ``progress.task_ids[0]``.

    Without a terminal the bar is silent, so that logs stay readable.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as progress:
        progress.add_task(description, total=total, status="")
        yield progress


def track(items: Iterable[T], description: str, *, total: int | None = None) -> Iterator[T]:
    """Iterate over ``items`` under a progress bar."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    with progress_bar(description, total) as progress:
        for item in items:
            yield item
            progress.advance(progress.task_ids[0])


def print_json(result: BaseModel) -> None:
    """Print ``result`` as one JSON object on stdout."""
    sys.stdout.write(result.model_dump_json(indent=2) + "\n")


def print_table(
    rows: Iterable[Iterable[object]],
    *,
    columns: Iterable[str],
    title: str | None = None,
    keep: int | None = None,
) -> None:
    """Print a table on stdout.

    Args:
        rows: A cell a column each; the last ones may be missing.
        columns: Names of the columns.
        title: One line above.
        keep: A table too wide for the terminal becomes several, each with the first ``keep``
            columns; None folds its cells instead.
    """
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    # A pipe has no width: give columns room instead of folding them at 80.
    width = None if sys.stdout.isatty() else 160
    console = Console(highlight=False, width=width)
    names, cells = list(columns), [[_cell(value) for value in row] for row in rows]
    if title is not None:  # Rich would fold it at the width of the table
        console.print(Text(title), soft_wrap=True)
    for chosen in _side_by_side([names, *cells], keep, console.width):
        # Rich reads plain strings as markup; labels and queries are people's own words.
        table = Table(
            *(Column(Text(names[j]), overflow="fold") for j in chosen),
            box=box.SIMPLE_HEAD,
        )
        for row in cells:
            table.add_row(*(Text(row[j]) for j in chosen if j < len(row)))
        console.print(table)


def _side_by_side(rows: list[list[str]], keep: int | None, width: int) -> list[list[int]]:
    """Return which columns to print in each table, so that none is wider than ``width``."""
    from rich.cells import cell_len

    count = len(rows[0])
    if keep is None or count <= keep + 1:
        return [list(range(count))]
    kept = list(range(keep))
    needed = [
        max(cell_len(line) for row in rows for cell in row[j : j + 1] for line in cell.split("\n"))
        + PADDING
        for j in range(count)
    ]
    tables = [kept]
    for j in range(keep, count):
        if len(tables[-1]) > keep and sum(needed[i] for i in (*tables[-1], j)) >= width:
            tables.append(kept)
        tables[-1] = [*tables[-1], j]
    return tables


def print_line(text: str) -> None:
    """Print one line on stdout."""
    sys.stdout.write(text + "\n")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)
