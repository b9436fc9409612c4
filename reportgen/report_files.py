"""The files of a run of reports."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from medx.core.errors import InputError
from reportgen.report import Report

FOLDER = "reports"
#: Written when all is done.
SUMMARY = "metrics.json"


def list_reports(run_dir: Path) -> list[Path]:
    """Return the report files of a run, sorted; what a killed run left half-written is not one."""
    found = (run_dir / FOLDER).glob("*.json")
    return sorted(path for path in found if not path.name.startswith("."))


def read_report(path: Path) -> Report:
    """Read a report that ``medx report generate`` wrote.

    Raises:
        InputError: When it is none.
    """
    try:
        return Report.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (UnicodeDecodeError, ValidationError) as error:
        raise InputError(
            f"{path} is not a report of this version of medx",
            hint="pass one of the files in the reports/ folder of a `medx report generate` run",
        ) from error


def begin_writing(run_dir: Path) -> None:
    """Remove what a killed run left half-written, and the summary: the run is not finished."""
    for path in (run_dir / FOLDER).glob(".*.json"):
        path.unlink(missing_ok=True)
    (run_dir / SUMMARY).unlink(missing_ok=True)
