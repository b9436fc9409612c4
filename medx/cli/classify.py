"""``medx classify``."""

from __future__ import annotations

import typer

app = typer.Typer(help="classify", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """classify."""
