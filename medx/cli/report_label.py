"""``medx report label``: what reports state of the 14 CheXpert findings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import JsonOption
from medx.core.words import many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reportgen.labeler.reading import LabelSet
    from reportgen.labeler.report_labels import FindingLabel, ReportLabels


def label(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER|-",
            help="A text file, a report of `medx report generate`, a folder of them, or - for "
            "standard input.",
            allow_dash=True,
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Label reports: each finding present, uncertain or absent.

    Its side, zone and course as well.
    """
    from medx.core.console import print_json, print_line, print_table, warn
    from reportgen.labeler.reading import label_files

    labels = label_files(path)
    if labels.skipped:
        first = labels.skipped[0]
        files = many(len(labels.skipped), "file")
        warn(f"skipped {files}; first: {first.path}: {first.reason}")
    if json:
        print_json(labels)
        return
    columns = ("finding", "status", "side", "zone", "course", "said as")
    many_reports = len(labels.reports) > 1
    print_table(_rows(labels, named=many_reports), columns=("report",) * many_reports + columns)
    empty = sum(not report.findings for report in labels.reports)
    if empty:
        print_line(f"{many(empty, 'report states', 'reports state')} none of the findings.")
    print_line(f"{many(len(labels.reports), 'report')} labelled by rules.")
    print_line(labels.disclaimer)


def _rows(labels: LabelSet, *, named: bool) -> Iterator[tuple[str | None, ...]]:
    for report in labels.reports:
        for finding in report.findings:
            row = _row(finding, report)
            yield (report.source, *row) if named else row


def _row(finding: FindingLabel, report: ReportLabels) -> tuple[str | None, ...]:
    said = dict.fromkeys(" ".join(report.mentions[i].text.split()) for i in finding.mentions)
    return (
        finding.finding.value,
        finding.status.value,
        finding.side.value if finding.side else None,
        ", ".join(zone.value for zone in finding.zones) or None,
        ", ".join(change.value for change in finding.changes) or None,
        "; ".join(said) or None,
    )
