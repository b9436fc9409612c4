import subprocess
import sys
from pathlib import Path

import typer

from medx.cli.app import app
from medx.cli.reference import command_paths

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_command_reference_is_what_help_says():
    # In a process of its own: other tests add encoders of theirs, which help would name.
    command = [sys.executable, "-m", "medx.cli.reference"]
    written = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert PAGE.read_text() == written, "run python -m medx.cli.reference"


def test_every_command_is_in_it():
    assert ["retrieve", "text-search"] in command_paths()
    assert ["demo"] in command_paths()


def test_no_list_of_commands_cuts_a_summary_at_80_columns():
    def cut(group):
        room = 80 - 2 - 6 - max(map(len, group.commands))
        for command in group.commands.values():
            if command.get_short_help_str(room) != command.get_short_help_str(999):
                yield command.name
            yield from cut(command) if hasattr(command, "commands") else ()

    assert list(cut(typer.main.get_command(app))) == []
