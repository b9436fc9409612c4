"""``medx retrieve``."""

from __future__ import annotations

import typer

app = typer.Typer(help="retrieve", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """retrieve."""
