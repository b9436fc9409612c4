"""Reports read from files and labelled."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import Field

from medx.core.console import track
from medx.core.errors import InputError
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from reportgen.labeler.labeler import label_report
from reportgen.labeler.report_labels import ReportLabels

STDIN = Path("-")


class SkippedText(Value):
    """A file that could not be read."""

    path: str
    reason: str


class LabelSet(Value):
    """What ``medx report label`` prints with ``--json``."""

    schema_version: int = 1
    reports: list[ReportLabels]
    skipped: list[SkippedText] = Field(default_factory=list)
    disclaimer: str = DISCLAIMER


def label_files(path: Path) -> LabelSet:
    """Label one file, standard input (``-``), or every .txt and report .json below a folder.

    Of a JSON object with a ``text`` that is read; any other file is read as it is.

    Raises:
        InputError: When the file cannot be read, or the folder holds nothing that can.
    """
    if path == STDIN:
        return LabelSet(reports=[label_report(sys.stdin.read(), source="-")])
    if not path.is_dir():
        return LabelSet(reports=[label_report(_read(path), source=str(path))])
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in (".txt", ".json"))
    reports, skipped = [], []
    for file in track(files, "labelling reports"):
        name = str(file.relative_to(path))
        try:
            reports.append(label_report(_read(file, only_reports=True), source=name))
        except InputError as error:
            skipped.append(SkippedText(path=name, reason=str(error)))
    if not reports:
        first = f": {skipped[0].reason}" if skipped else ""
        raise InputError(
            f"{path} holds no report that can be read{first}",
            hint="a report is a .txt file, or a .json file of `medx report generate`",
        )
    return LabelSet(reports=reports, skipped=skipped)


def _read(path: Path, *, only_reports: bool = False) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path.name}: {error}") from error
    if path.suffix.lower() != ".json":
        return text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not JSON: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("text"), str):
        return str(document["text"])
    if only_reports:
        raise InputError(f"{path.name} holds no text of a report")
    return text
