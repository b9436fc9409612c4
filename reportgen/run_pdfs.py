"""The reports of a run as PDF, in the layout of ``medx report export``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from reportgen.exports.document import document_of
from reportgen.exports.export import write_export
from reportgen.exports.material import Material
from reportgen.item import ReportItem
from reportgen.report import Report

FOLDER = "pdf"


def pdf_path(report_path: str) -> str:
    """Return where the PDF of a report is, both from the run folder."""
    return f"{FOLDER}/{PurePosixPath(report_path).stem}.pdf"


def write_pdf(
    item: ReportItem, report: Report, run_dir: Path, report_path: str, *, again: bool
) -> None:
    """Write a report as PDF unless it is there.

    Args:
        item: Its image and heat-map.
        report: What to write.
        run_dir: Where to.
        report_path: Of its JSON file, from the run folder.
        again: Write it even where it is.

    Raises:
        MissingExtraError: When the packages are not installed.
    """
    path = run_dir / pdf_path(report_path)
    if again or not path.is_file():
        material = Material(document=document_of(report), pixels=item.pixels, heatmap=item.heatmap)
        write_export(material, "pdf", path, report=report_path)
