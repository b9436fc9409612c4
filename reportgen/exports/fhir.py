"""A report as FHIR R4B: one Bundle of DiagnosticReport, Observations and the Device that wrote it.

It names no patient and no study: whoever files it sets ``subject`` and ``imagingStudy``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from importlib.metadata import version
from typing import Any

from fhir.resources.R4B.bundle import Bundle

from medx.core.pages import render_page
from reportgen.exports.codes import ABSENT, PRESENT, Code, finding_code, report_code
from reportgen.exports.document import Finding, ReportDocument
from reportgen.exports.fhir_checks import check_bundle
from reportgen.exports.material import Material
from reportgen.exports.pdf import pdf_bytes

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
UCUM = "http://unitsofmeasure.org"
#: Names of resources follow from what they hold, so that the same report gives the same bundle.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "medx report")
_STATUS = {"present": PRESENT, "absent": ABSENT}
#: Modalities that a radiology department makes; other reports get no category.
_RADIOLOGY = ("radiograph", "x-ray", "xray", "tomograph", "cxr", "magnetic", "ultrasound")


def fhir_bytes(material: Material) -> bytes:
    """Return the Bundle as JSON, checked against R4B and its value sets."""
    bundle = build_bundle(material)
    Bundle.model_validate(bundle)
    check_bundle(bundle)
    return (json.dumps(bundle, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def build_bundle(material: Material) -> dict[str, Any]:
    """Return the Bundle of a report."""
    document = material.document
    observations = [_observation(document, finding) for finding in document.findings]
    if document.prediction:
        observations.append(_classification(document))
    pdf = pdf_bytes(material)
    identity = hashlib.sha256(document.model_dump_json().encode() + pdf).hexdigest()
    report_name, device_name, bundle_name, *names = (
        uuid.uuid5(_NAMESPACE, f"{identity} {n}").urn for n in range(3 + len(observations))
    )
    for observation in observations:
        observation["device"] = {"reference": device_name}
    report = _report(document, names, pdf)
    named = zip(
        (report_name, *names, device_name),
        (report, *observations, _device(document)),
        strict=True,
    )
    return {
        "resourceType": "Bundle",
        "meta": _meta(document),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": bundle_name},
        "type": "collection",
        "timestamp": document.created,
        "entry": [{"fullUrl": name, "resource": resource} for name, resource in named],
    }


def _report(document: ReportDocument, results: list[str], pdf: bytes) -> dict[str, Any]:
    impression = document.section("impression")
    conclusion = [*document.marks, *([impression.text] if impression else [])]
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "meta": _meta(document),
        "text": _narrative(document),
        "status": "preliminary",
        "code": _concept(report_code(document.modality), text=f"Draft report: {document.modality}"),
        "issued": document.created,
        "conclusion": "\n".join(conclusion),
        "presentedForm": [
            {
                "contentType": "application/pdf",
                "language": "en",
                "title": document.title,
                "creation": document.created,
                "data": base64.b64encode(pdf).decode("ascii"),
            }
        ],
    }
    if any(word in document.modality.lower() for word in _RADIOLOGY):
        radiology = Code(f"{_TERMINOLOGY}/v2-0074", "RAD", "Radiology")
        report["category"] = [_concept(radiology)]
    if results:
        report["result"] = [{"reference": name} for name in results]
    return report


def _observation(document: ReportDocument, finding: Finding) -> dict[str, Any]:
    # A code without a status would read as if the finding were there.
    code = finding_code(finding.name) if finding.status else None
    observation = _preliminary(document, _concept(code, text=finding.name))
    if finding.status is None:
        observation["valueString"] = finding.statement
    else:
        observation["valueCodeableConcept"] = _concept(
            _STATUS.get(finding.status), text=finding.status
        )
        observation["note"] = [{"text": finding.statement}]
    if finding.agreement:
        observation.setdefault("note", []).append({"text": finding.agreement})
    if finding.site:
        observation["bodySite"] = {"text": finding.site}
    return observation


def _classification(document: ReportDocument) -> dict[str, Any]:
    prediction = document.prediction
    if prediction is None:
        raise ValueError("a document without a prediction has no classification")
    observation = _preliminary(document, {"text": "Class given by an image classifier"})
    observation["valueCodeableConcept"] = _concept(
        finding_code(prediction.label), text=prediction.label
    )
    observation["method"] = {"text": f"medx image classifier, run {prediction.classifier}"}
    observation["component"] = [
        {
            "code": {"text": f"Calibrated probability of {name}"},
            "valueQuantity": {"value": probability, "system": UCUM, "code": "1"},
        }
        for name, probability in prediction.probabilities.items()
    ]
    return observation


def _preliminary(document: ReportDocument, code: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "meta": _meta(document),
        "status": "preliminary",
        "category": [_concept(Code(f"{_TERMINOLOGY}/observation-category", "imaging", "Imaging"))],
        "code": code,
        "issued": document.created,
    }


def _device(document: ReportDocument) -> dict[str, Any]:
    versions = {"medx": version("medx"), **document.provenance}
    return {
        "resourceType": "Device",
        "meta": _meta(document),
        "type": {"text": "Software that drafts reports on images"},
        "deviceName": [{"name": "medx", "type": "user-friendly-name"}],
        "version": [
            {"type": {"text": name}, "value": versions[name]}
            for name in ("medx", "engine", "model", "model revision", "strategy", "classifier")
            if name in versions
        ],
        "note": [{"text": mark} for mark in document.marks],
    }


def _meta(document: ReportDocument) -> dict[str, Any]:
    """Return the marks on every resource: for research, and no patient's data where drawn."""
    reasons = [("HRESCH", "healthcare research")]
    if document.is_mock or document.synthetic:
        reasons.append(("HTEST", "test health data"))
    return {
        "security": [
            _coding(Code(f"{_TERMINOLOGY}/v3-ActReason", code, display))
            for code, display in reasons
        ],
        "tag": [{"display": mark} for mark in document.marks],
    }


def _narrative(document: ReportDocument) -> dict[str, str]:
    div = render_page("report_narrative.xhtml.j2", document=document)
    return {"status": "generated", "div": div.strip()}


def _concept(code: Code | None, *, text: str | None = None) -> dict[str, Any]:
    concept: dict[str, Any] = {}
    if code:
        concept["coding"] = [_coding(code)]
    if text:
        concept["text"] = text
    return concept


def _coding(code: Code) -> dict[str, str]:
    return code._asdict()
