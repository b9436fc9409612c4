"""The forms a report can be had in, by name; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from medx.core.registry import Entry, Registry

EXTRA = "clinical"


@dataclass(frozen=True, kw_only=True)
class ExportFormat(Entry):
    """An exporter (``Material`` to bytes) and what it takes.

    Args:
        suffix: Of the file it makes.
        needs_study: True when it refers to a DICOM study.
        needs_heatmap: True when it shows nothing without one.
        takes_pictures: True when it shows image and heat-map where they are at hand.
    """

    suffix: str
    needs_study: bool = False
    needs_heatmap: bool = False
    takes_pictures: bool = True


EXPORTERS = Registry(
    "format",
    {
        "fhir": ExportFormat(
            "reportgen.exports.fhir:fhir_bytes",
            "FHIR R4B Bundle: DiagnosticReport, Observations, Device.",
            extra=EXTRA,
            suffix=".fhir.json",
        ),
        "dicom-sr": ExportFormat(
            "reportgen.exports.dicom_sr:sr_bytes",
            "DICOM Comprehensive SR in the source's study.",
            extra=EXTRA,
            suffix=".sr.dcm",
            needs_study=True,
            takes_pictures=False,
        ),
        "dicom-sc": ExportFormat(
            "reportgen.exports.dicom_sc:sc_bytes",
            "DICOM Secondary Capture of image and heat-map in the source's study.",
            extra=EXTRA,
            suffix=".sc.dcm",
            needs_study=True,
            needs_heatmap=True,
        ),
        "pdf": ExportFormat(
            "reportgen.exports.pdf:pdf_bytes",
            "PDF with image, heat-map, findings, evidence and similar cases.",
            extra=EXTRA,
            suffix=".pdf",
        ),
        "dicom-pdf": ExportFormat(
            "reportgen.exports.dicom_pdf:encapsulated_pdf_bytes",
            "The PDF as a DICOM object in the source's study.",
            extra=EXTRA,
            suffix=".pdf.dcm",
            needs_study=True,
        ),
        "html": ExportFormat(
            "reportgen.exports.pages:html_bytes",
            "One HTML file with the pictures in it.",
            suffix=".html",
        ),
        "md": ExportFormat(
            "reportgen.exports.pages:markdown_bytes",
            "Markdown, words only.",
            suffix=".md",
            takes_pictures=False,
        ),
    },
)


def export_format(name: str) -> ExportFormat:
    """Return a format by name.

    Raises:
        UnknownNameError: When there is none of that name.
    """
    entry = EXPORTERS.entry(name)
    if not isinstance(entry, ExportFormat):
        raise TypeError(f"{name} must be registered as an ExportFormat")
    return entry
