"""Write one report in one of the forms of ``EXPORTERS``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from medx.core.errors import InputError
from medx.core.files import atomic_path
from medx.core.settings import DISCLAIMER
from medx.core.values import HeatMap, Value
from reportgen.exports.document import document_of
from reportgen.exports.formats import EXPORTERS, export_format
from reportgen.exports.material import Material
from reportgen.exports.study import read_source, read_study
from reportgen.report import Report


class Export(Value):
    """What was written."""

    schema_version: int = 1
    report: str
    format: str
    path: str
    bytes: int
    sha256: str
    image_id: str
    with_image: bool = Field(description="The picture is in it.")
    with_heatmap: bool
    in_study: bool = Field(description="It belongs to the source's DICOM study.")
    is_mock: bool
    synthetic: bool
    disclaimer: str = DISCLAIMER


def gather(
    report: Report,
    format_name: str,
    *,
    source: Path | None = None,
    heatmap: Callable[[Material], HeatMap | None] | None = None,
) -> Material:
    """Bring together what a format is made from.

    Args:
        report: What to export.
        format_name: A name of ``EXPORTERS``.
        source: The image file the report was written on; a DICOM file for DICOM formats.
        heatmap: Makes the heat-map from the rest; asked only where the format shows pictures.

    Raises:
        InputError: When the source is missing, another image, or no DICOM where one is needed.
    """
    form = export_format(format_name)
    if form.needs_study and source is None:
        raise InputError(
            f"{format_name} goes into the study of the image: which one is not in the report",
            hint="pass the DICOM file as --source, or take the format pdf, html, md or fhir",
        )
    document = document_of(report)
    if source is None or not (form.needs_study or form.takes_pictures):
        return Material(document=document)
    pixels, frame = read_source(source, report.image_sha256)
    study = read_study(source, frame) if form.needs_study else None
    material = Material(document=document, pixels=pixels, study=study)
    found = heatmap(material) if heatmap and form.takes_pictures else None
    if form.needs_heatmap and found is None:
        raise InputError(
            f"{format_name} shows a heat-map, and there is none",
            hint="pass the classifier's run as --run",
        )
    return Material(document=document, pixels=pixels, study=study, heatmap=found)


def write_export(
    material: Material, format_name: str, path: Path, *, report: str | None = None
) -> Export:
    """Write a file, whole or not at all.

    Args:
        material: What ``gather`` returned.
        format_name: A name of ``EXPORTERS``.
        path: The file to write.
        report: Where the report came from, to be said in the result.

    Raises:
        MissingExtraError: When the format's packages are not installed.
    """
    form = export_format(format_name)
    content: bytes = EXPORTERS.load(format_name)(material)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return Export(
        report=report or material.document.image_id,
        format=format_name,
        path=str(path),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        image_id=material.document.image_id,
        with_image=form.takes_pictures and material.pixels is not None,
        with_heatmap=form.takes_pictures and material.heatmap is not None,
        in_study=form.needs_study,
        is_mock=material.document.is_mock,
        synthetic=material.document.synthetic,
    )


def output_path(
    report: Path, format_name: str, output: Path | None, *, source: Path | None
) -> Path:
    """Return the file to write: ``output``, a file in it when it is a folder, or beside the report.

    Raises:
        InputError: When it would replace what it is made from.
    """
    name = report.stem + export_format(format_name).suffix
    path = report.with_name(name) if output is None else output
    if path.is_dir():
        path = path / name
    kept = [file for file in (report, source) if file is not None]
    if any(path.resolve() == file.resolve() for file in kept):
        raise InputError(f"{path} would be replaced by what is made from it", hint="choose another")
    return path
