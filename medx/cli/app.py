"""The ``medx`` command: parse, call, print. ``run`` is the only place that catches errors."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from medx.cli import case, classify, data, demo, models, report, retrieve, serve
from medx.core.console import stderr
from medx.core.errors import MedxError
from medx.core.pointing import keep_pointing
from medx.embedder import join_subsystems


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # pydantic's words
            raise


app = typer.Typer(
    cls=_Commands,
    name="medx",
    help="Classify, search and describe medical images. Research use only, not for clinical use.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data.app, name="data")
app.add_typer(classify.app, name="classify")
app.add_typer(retrieve.app, name="retrieve")
app.add_typer(report.app, name="report")
app.add_typer(models.app, name="models")
app.command("case")(case.case)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
join_subsystems()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medx {metadata.version('medx')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show version."),
    ] = False,
) -> None:
    """Classify, search and describe medical images. Research use only, not for clinical use."""


def run(args: list[str] | None = None) -> None:
    """Run the command; exit 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        app(args=args, prog_name="medx")
    except MedxError as error:
        _fail(str(error), error.hint, error)
    except MemoryError as error:
        _fail("out of memory", "use a smaller --batch-size or --limit", error)
    except OSError as error:
        hint = "check the path, its permissions and the free space"
        _fail(_describe(error), hint, error)
    except Exception as error:
        hint = "this is a bug in medx: run again with MEDX_DEBUG=1 and report the traceback"
        _fail(f"unexpected {type(error).__name__}: {error}", hint, error)


def _describe(error: OSError) -> str:
    """Return what is wrong with which path, without the number of the error."""
    paths = [str(path) for path in (error.filename, error.filename2) if path is not None]
    if error.strerror is None:
        return str(error)
    return f"{' -> '.join(paths)}: {error.strerror}" if paths else error.strerror


def _fail(message: str, hint: str | None, error: Exception) -> None:
    if os.environ.get("MEDX_DEBUG") == "1":
        raise error
    stderr.quiet = False  # a process that does not speak may still fail
    stderr.print(f"error: {keep_pointing(message)}", style="red", markup=False)
    if hint:
        stderr.print(f"hint: {hint}", markup=False)
    sys.exit(1)
