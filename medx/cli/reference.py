"""The command reference in ``docs/commands.md``, written from every command's own help.

Run ``python -m medx.cli.reference > docs/commands.md`` after changing an option.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

import typer

from medx.cli.app import app, run

INTRODUCTION = """# Commands

Written by `python -m medx.cli.reference` from each command's `--help`; a test keeps it so.
"""


def write_reference() -> str:
    """Return the help of every command as Markdown."""
    parts = [INTRODUCTION]
    for path in command_paths():
        title = " ".join(["medx", *path])
        parts.append(f"## `{title}`\n\n```text\n{help_text(path).strip()}\n```\n")
    return "\n".join(parts)


def command_paths() -> list[list[str]]:
    """Return the words of every command that does something."""
    return _paths_below(app)


def _paths_below(above: typer.Typer) -> list[list[str]]:
    paths = []
    for group in above.registered_groups:
        if group.typer_instance is not None:
            below = _paths_below(group.typer_instance)
            paths += [[str(group.name), *path] for path in below]
    for command in above.registered_commands:
        name = command.name or str(command.callback.__name__ if command.callback else "")
        paths.append([name.replace("_", "-")])
    return paths


def help_text(path: list[str]) -> str:
    """Return what ``medx PATH --help`` prints, 100 columns wide."""
    os.environ["COLUMNS"] = "100"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        run([*path, "--help"])
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines())


if __name__ == "__main__":
    sys.stdout.write(write_reference())
