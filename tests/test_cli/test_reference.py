import subprocess
import sys
from pathlib import Path

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
