"""The forms in which a case can be taken along, made in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medx.case.page import Offer, render_case
from medx.case.study import Study
from medx.core.errors import InputError
from medx.server.uploads import memory_file
from reportgen.exports.document import document_of
from reportgen.exports.export import gather
from reportgen.exports.formats import EXPORTERS, export_format
from reportgen.exports.material import Material
from reportgen.report import Report

#: Of the whole case; everything else is of its report.
CASE_JSON, CASE_PAGE = "case-json", "case-html"

#: What buttons say, in their order.
TITLES = {
    "pdf": "PDF",
    "fhir": "FHIR",
    "dicom-sr": "DICOM SR",
    "dicom-sc": "DICOM image",
    CASE_JSON: "JSON",
    CASE_PAGE: "Web page",
}

_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".dcm": "application/dicom",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
}


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file as it is sent."""

    content: bytes
    media_type: str
    name: str


def offers(study: Study) -> list[Offer]:
    """Return every form with what keeps a case from it."""
    found = []
    for name, title in TITLES.items():
        form = None if name in (CASE_JSON, CASE_PAGE) else export_format(name)
        lacking = None
        if form is not None and study.result.report is None:
            lacking = "there is no report"
        elif form is not None and form.needs_heatmap and study.heatmap is None:
            lacking = "there is no heat-map"
        needs_study = form is not None and form.needs_study
        found.append(Offer(name=name, title=title, needs_study=needs_study, lacking=lacking))
    return found


def export_case(study: Study, name: str, source: bytes | None) -> Download:
    """Return a case in one form.

    Args:
        study: The case.
        name: ``case-json``, ``case-html`` or a name of ``EXPORTERS``.
        source: The file that was uploaded; DICOM forms go into its study.

    Raises:
        InputError: When there is no report, or the file is missing or another one.
        UnknownNameError: When there is no such form.
        MissingExtraError: When its packages are not installed.
    """
    if name == CASE_JSON:
        facts = study.result.model_dump_json(indent=2) + "\n"
        return _download(facts.encode("utf-8"), "case.json")
    if name == CASE_PAGE:
        return _download(render_case(study).encode("utf-8"), "case.html")
    make = EXPORTERS.load(name)
    form = export_format(name)
    report = study.result.report
    if report is None:
        raise InputError("there is no report to export", hint="take JSON or the page of the case")
    if form.needs_heatmap and study.heatmap is None:
        raise InputError(f"{name} shows a heat-map, and there is none", hint="take another form")
    if form.needs_study:
        material = _in_study(study, report, name, source)
    else:
        document = document_of(report)
        material = Material(document=document, pixels=study.pixels, heatmap=study.heatmap)
    return _download(make(material), f"report{form.suffix}")


def _in_study(study: Study, report: Report, name: str, source: bytes | None) -> Material:
    """Return the material with the header of the study's file, which must be the very image."""
    if source is None:
        raise InputError(
            f"{name} goes into the study of the image, whose file is not kept here",
            hint="send the DICOM file again, as `file`",
        )
    with memory_file(source) as path:
        try:
            return gather(report, name, source=path, heatmap=lambda _: study.heatmap)
        except InputError as error:
            said = str(error).replace(str(path), "the file")
            raise InputError(said, hint="send the DICOM file of this image, or take PDF") from None


def _download(content: bytes, name: str) -> Download:
    return Download(
        content=content, media_type=_MEDIA_TYPES[Path(name).suffix], name=f"medx-{name}"
    )
