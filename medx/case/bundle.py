"""The folder a case leaves: facts, page, pictures, report and exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from medx.case.page import render_case
from medx.case.pictures import overlay, png
from medx.case.study import Study
from medx.core.errors import InputError
from medx.core.files import atomic_path, write_text
from reportgen.exports.document import document_of
from reportgen.exports.export import Export, write_export
from reportgen.exports.formats import EXPORTERS, export_format
from reportgen.exports.material import Material
from reportgen.exports.study import Study as Source
from reportgen.exports.study import read_study

PAGE, FACTS, REPORT = "case.html", "case.json", "report.json"


def read_sources(image: Path, formats: Sequence[str]) -> dict[str, Source | None]:
    """Return what each format takes from the image's file, before anything is computed.

    Raises:
        UnknownNameError: When there is no such format.
        MissingExtraError: When its packages are not installed.
        InputError: When it goes into a DICOM study and the file is of none.
    """
    found: dict[str, Source | None] = {}
    for name in formats:
        EXPORTERS.load(name)
        found[name] = read_study(image, 0) if export_format(name).needs_study else None
    return found


def save_study(study: Study, folder: Path) -> Path:
    """Write everything but exports below ``folder``; return the page."""
    result = study.result
    write_text(folder / FACTS, result.model_dump_json(indent=2) + "\n")
    if result.report:
        write_text(folder / REPORT, result.report.model_dump_json(indent=2) + "\n")
    _write(folder / "image.png", png(study.pixels))
    if study.heatmap is not None and result.heatmap is not None:
        _write(folder / "heatmap.png", png(overlay(study.pixels, study.heatmap)))
    for number, hit in enumerate(result.neighbours, start=1):
        if hit.id in study.pictures:  # by number: people write labels and names into file names
            _write(folder / "neighbours" / f"N{number}.png", png(study.pictures[hit.id]))
    write_text(folder / PAGE, render_case(study))
    return folder / PAGE


def export_study(study: Study, sources: Mapping[str, Source | None], folder: Path) -> list[Export]:
    """Write the report in further forms.

    Args:
        study: Its report must have been written.
        sources: What ``read_sources`` returned; its names are the formats.
        folder: The bundle.

    Raises:
        InputError: When a format shows the heat-map and there is none.
    """
    report = study.result.report
    if report is None:
        raise ValueError("study must have a report")
    document, written = document_of(report), []
    for name, source in sources.items():
        form = export_format(name)
        if form.needs_heatmap and study.heatmap is None:
            raise InputError(
                f"{name} shows a heat-map, and there is none: {study.result.heatmap_note}"
            )
        material = Material(
            document=document, pixels=study.pixels, heatmap=study.heatmap, study=source
        )
        path = folder / f"report{form.suffix}"
        written.append(write_export(material, name, path, report=REPORT))
    return written


def _write(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
