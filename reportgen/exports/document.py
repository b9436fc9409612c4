"""The plain value that every export is made from, whatever wrote the report."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Hit, Prediction, Value
from reportgen.agreement.results import VERDICTS, Claim
from reportgen.evidence import EvidenceItem
from reportgen.report import Report
from reportgen.sections import Entry

MOCK = "MOCK REPORT: a program wrote it from the evidence alone and did not look at the image."
SYNTHETIC = "SYNTHETIC IMAGE: a program drew it; it shows no patient."
DRAFT = "DRAFT by a program; no person has checked it."
AS_WRITTEN = "text as written"

# XML, and so FHIR's narrative, knows no control characters; DICOM forbids most of them.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class DocumentSection(Value):
    """A heading and what stands below it."""

    name: str
    text: str


class Finding(Value):
    """Something the report states; what is None is not known, never "no"."""

    name: str = Field(description="A structure or a disease, in the report's words.")
    statement: str
    status: Literal["present", "absent", "uncertain"] | None = None
    site: str | None = Field(default=None, description="Side and zone, in words.")
    agreement: str | None = Field(
        default=None, description="What other evidence says of it, in words."
    )


class ReportDocument(Value):
    """One report, ready to be laid out; all text is printable."""

    schema_version: int = 1
    title: str
    image_id: str
    modality: str
    marks: list[str] = Field(description="What must stand on every page: limits, mock, synthetic.")
    is_mock: bool
    synthetic: bool
    sections: list[DocumentSection]
    findings: list[Finding]
    prediction: Prediction | None
    neighbours: list[Hit]
    evidence: list[EvidenceItem]
    warnings: list[str]
    provenance: dict[str, str] = Field(description="What made it, by name.")
    created: str = Field(description="ISO 8601 with a time zone.")
    disclaimer: str = DISCLAIMER

    @property
    def claims(self) -> list[str]:
        """What other evidence says of each claim, a line a claim."""
        return [f"{f.name}, {f.status}: {f.agreement}" for f in self.findings if f.agreement]

    def section(self, name: str) -> DocumentSection | None:
        """Return a section by name, or None."""
        return next((section for section in self.sections if section.name == name), None)


def document_of(report: Report) -> ReportDocument:
    """Lay a report out; its engine's text is kept word for word, less unprintable characters."""
    evidence = report.evidence
    warnings = [warning.text for warning in report.warnings]
    if report.contract_met:
        sections = [DocumentSection(name=s.name, text=s.text) for s in report.sections]
    else:
        sections = [DocumentSection(name=AS_WRITTEN, text=report.text)]
        missing = ", ".join(report.missing)
        warnings.append(f"not in the form that was asked for; missing: {missing}")
    document = ReportDocument(
        title=f"Draft report: {report.image_id}",
        image_id=report.image_id,
        modality=evidence.modality or "image",
        marks=_marks(report),
        is_mock=report.is_mock,
        synthetic=report.synthetic,
        sections=sections,
        findings=_findings(report),
        prediction=evidence.prediction,
        neighbours=evidence.neighbours,
        evidence=report.items,
        warnings=warnings,
        provenance=provenance_of(report),
        created=report.created,
        disclaimer=report.disclaimer,
    )
    return ReportDocument.model_validate(_printable(document.model_dump()))


def _marks(report: Report) -> list[str]:
    marks = [report.disclaimer, DRAFT]
    if report.is_mock:
        marks.append(MOCK)
    if report.synthetic:
        marks.append(SYNTHETIC)
    return marks


def _findings(report: Report) -> list[Finding]:
    """Return regions and ranked readings one by one, then what was understood of the text.

    Findings of which nothing was understood are one finding, as they stand.
    """
    entries = [
        Finding(name=entry.title, statement=_statement(entry))
        for section in report.sections
        for entry in section.entries
    ]
    if report.agreement:
        entries += [_claimed(claim, report.text) for claim in report.agreement.claims]
    whole = report.section("findings")
    if entries or whole is None or not whole.text.strip():
        return entries
    return [Finding(name="findings", statement=whole.text)]


def _claimed(claim: Claim, text: str) -> Finding:
    """Return a claim with the line of the text that makes it."""
    start = text.rfind("\n", 0, claim.start) + 1
    end = text.find("\n", claim.end)
    line = text[start : end if end >= 0 else len(text)]
    zones = [zone.value for zone in claim.zones]
    return Finding(
        name=claim.finding,
        statement=line.strip(" \t*-•"),
        status=claim.status.value,
        site=" ".join([*([claim.side.value] if claim.side else []), *zones]) or None,
        agreement=f"{VERDICTS[claim.verdict]}: {claim.reason}",
    )


def _statement(entry: Entry) -> str:
    parts = [entry.text] if entry.text else []
    for side, lines in (("for", entry.evidence_for), ("against", entry.evidence_against)):
        if lines:
            parts.append(f"{side}: {'; '.join(lines)}")
    return ". ".join(parts) or entry.title


def provenance_of(report: Report) -> dict[str, str]:
    """Return what made a report, by name; what is not known is left out."""
    settings, evidence = report.settings, report.evidence
    height, width = evidence.image_size
    mock = " (mock)" if report.is_mock and report.engine != "mock" else ""
    facts = {
        "image": report.image_id,
        "pixels (SHA-256)": report.image_sha256,
        "native size": f"{height} × {width}",
        "dataset": evidence.dataset,
        "engine": f"{report.engine}{mock}",
        "model": report.model,
        "model revision": report.model_revision,
        "strategy": f"{report.strategy}, version {report.strategy_version}",
        "prompt (SHA-256)": report.prompt_sha256,
        "asked for": "headed text" if settings.free_text else "JSON",
        "tokens at most": str(settings.max_new_tokens),
        "batch size": str(settings.batch_size or ""),
        "weights made smaller": settings.quantise or "",
        "classifier": evidence.prediction.classifier if evidence.prediction else "",
        "index": evidence.index,
        "similar cases": ", ".join(hit.id for hit in evidence.neighbours),
        "medx": report.medx_version,
        "written": report.created,
    }
    return {name: value for name, value in facts.items() if value}


def _printable(value: object) -> object:
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
