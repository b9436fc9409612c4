from pathlib import Path

from medx.cli.reference import command_paths, write_reference

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_command_reference_is_what_help_says(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert PAGE.read_text() == write_reference(), "run python -m medx.cli.reference"


def test_every_command_is_in_it():
    assert ["retrieve", "text-search"] in command_paths()
    assert ["demo"] in command_paths()
