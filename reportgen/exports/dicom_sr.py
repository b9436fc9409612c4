"""A report as DICOM Comprehensive SR, laid out as TID 2000 (basic diagnostic imaging report)."""

from __future__ import annotations

import uuid

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ComprehensiveSR,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    ImageContentItem,
    LanguageOfContentItemAndDescendants,
    ObserverContext,
    RelationshipTypeValues,
    TextContentItem,
)
from pydicom.sr.coding import Code
from pydicom.uid import UID

from reportgen.exports import codes
from reportgen.exports.dicom_objects import (
    bare_header,
    copy_study,
    equipment,
    file_bytes,
    new_series,
    refusing_odd_headers,
    written_at,
)
from reportgen.exports.document import Finding, ReportDocument
from reportgen.exports.material import Material
from reportgen.exports.study import Study

CONTAINS = RelationshipTypeValues.CONTAINS
INFERRED_FROM = RelationshipTypeValues.INFERRED_FROM
TITLE = Code("18748-4", "LN", "Diagnostic Imaging Report")
LANGUAGE = Code("en", "RFC5646", "English")
DEVICE = Code("121007", "DCM", "Device")
COMMENT = Code("121106", "DCM", "Comment")
FINDING = Code("121071", "DCM", "Finding")
ILLUSTRATION = Code("121080", "DCM", "Best illustration of finding")

#: CID 7001 headings and CID 7002 elements for the names that strategies give sections.
_SECTIONS = {
    "technique": (
        Code("121064", "DCM", "Current Procedure Descriptions"),
        Code("121065", "DCM", "Procedure Description"),
    ),
    "findings": (Code("121070", "DCM", "Findings"), FINDING),
    "impression": (
        Code("121072", "DCM", "Impressions"),
        Code("121073", "DCM", "Impression"),
    ),
    "recommendation": (
        Code("121074", "DCM", "Recommendations"),
        Code("121075", "DCM", "Recommendation"),
    ),
}
#: Our own, for what DICOM has no heading for.
_OWN_SCHEME = "99MEDX"


def sr_bytes(material: Material) -> bytes:
    """Return the report as the bytes of a DICOM file.

    Raises:
        InputError: When the source's header cannot be copied.
        ValueError: When the material has no study.
    """
    study, document = material.study, material.document
    if study is None:
        raise ValueError("a DICOM object needs a study")
    with refusing_odd_headers():
        report = ComprehensiveSR(
            evidence=[bare_header(study)],
            content=_content(document, study),
            is_complete=False,
            is_final=False,
            is_verified=False,
            **new_series("SR", document),
            **equipment(document),
            **written_at(document, study),
        )
        copy_study(report, study)
        return file_bytes(report)


def _content(document: ReportDocument, study: Study) -> ContainerContentItem:
    sections = _sections(document)
    root = ContainerContentItem(name=TITLE, is_content_continuous=False, template_id="2000")
    root.ContentSequence = ContentSequence(
        [
            *LanguageOfContentItemAndDescendants(CodedConcept.from_code(LANGUAGE)),
            *_observer(document),
            *(_text(COMMENT, mark) for mark in document.marks),
            *(_section(name, text, document) for name, text in sections),
        ]
    )
    names = [name.lower() for name, _ in sections]
    # What the report says was seen was seen in the image: the first section where none says it.
    seen = names.index("findings") - len(names) if "findings" in names else -len(names)
    root.ContentSequence[seen].ContentSequence[0].ContentSequence = ContentSequence([_image(study)])
    return root


def _observer(document: ReportDocument) -> ObserverContext:
    # The same program of the same version is the same observer.
    facts = document.provenance
    known = " ".join(facts.get(name, "") for name in ("engine", "model", "model revision"))
    return ObserverContext(
        observer_type=CodedConcept.from_code(DEVICE),
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'medx {known}').int}"),
            name="medx",
            manufacturer_name="medx",
            model_name=facts["engine"],
        ),
    )


def _sections(document: ReportDocument) -> list[tuple[str, str]]:
    sections = [(section.name, section.text) for section in document.sections]
    extra = {
        "warnings": document.warnings,
        "agreement": document.claims,
        "evidence given": [f"{item.id}: {item.statement}" for item in document.evidence],
        "origin": [f"{name}: {value}" for name, value in document.provenance.items()],
    }
    sections += [(name, "\n".join(lines)) for name, lines in extra.items() if lines]
    return [(name, text) for name, text in sections if text.strip()]


def _section(name: str, text: str, document: ReportDocument) -> ContainerContentItem:
    heading, element = _SECTIONS.get(name.lower(), (_own_heading(name), COMMENT))
    container = ContainerContentItem(
        name=heading, is_content_continuous=False, relationship_type=CONTAINS
    )
    items: list[ContentItem] = [_text(element, text)]
    if name.lower() == "findings":
        items += [item for f in document.findings if (item := _coded(f))]
    container.ContentSequence = ContentSequence(items)
    return container


def _coded(finding: Finding) -> ContentItem | None:
    """Return a finding as a code: only one that is stated as there and has a sure code."""
    code = codes.finding_code(finding.name)
    if finding.status != "present" or code is None:
        return None
    item = CodeContentItem(
        name=FINDING,
        value=CodedConcept(code.code, "SCT", code.display),
        relationship_type=CONTAINS,
    )
    item.ContentSequence = ContentSequence(
        [_text(COMMENT, finding.statement, RelationshipTypeValues.HAS_PROPERTIES)]
    )
    return item


def _image(study: Study) -> ImageContentItem:
    return ImageContentItem(
        name=ILLUSTRATION,
        referenced_sop_class_uid=study.header.SOPClassUID,
        referenced_sop_instance_uid=study.header.SOPInstanceUID,
        referenced_frame_numbers=study.frame,
        relationship_type=INFERRED_FROM,
    )


def _text(
    name: Code, text: str, relationship: RelationshipTypeValues = CONTAINS
) -> TextContentItem:
    # Lines of a DICOM text end in CR LF.
    return TextContentItem(
        name=name, value=text.replace("\n", "\r\n"), relationship_type=relationship
    )


def _own_heading(name: str) -> Code:
    words = name.capitalize().replace("\\", " ")[:64]  # a backslash parts values
    return Code(words.upper().replace(" ", "_")[:16], _OWN_SCHEME, words)
