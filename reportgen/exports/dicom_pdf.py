"""The PDF of a report as a DICOM object (Encapsulated PDF)."""

from __future__ import annotations

from highdicom import SOPClass
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from reportgen.exports.dicom_objects import (
    code_item,
    copy_study,
    equipment,
    file_bytes,
    new_series,
    reference_to,
    refusing_odd_headers,
    written_at,
)
from reportgen.exports.dicom_sr import TITLE
from reportgen.exports.material import Material
from reportgen.exports.pdf import pdf_bytes


def encapsulated_pdf_bytes(material: Material) -> bytes:
    """Return the report as the bytes of a DICOM file.

    Raises:
        InputError: When the source's header cannot be copied.
        ValueError: When the material has no study.
    """
    study, document = material.study, material.document
    if study is None:
        raise ValueError("a DICOM object needs a study")
    pdf = pdf_bytes(material)
    with refusing_odd_headers():
        holder = SOPClass(
            sop_class_uid=EncapsulatedPDFStorage,
            modality="DOC",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            study_instance_uid=study.header.StudyInstanceUID,
            **new_series("DOC", document),
            **equipment(document),
            **written_at(document, study),
        )
        copy_study(holder, study)
        holder.ConversionType = "WSD"
        holder.AcquisitionDateTime = None
        # The picture in it may show a name or a face as the source does.
        shown = material.pixels is not None
        holder.BurnedInAnnotation = study.header.get("BurnedInAnnotation") or "YES"
        if not shown:
            holder.BurnedInAnnotation = holder.RecognizableVisualFeatures = "NO"
        elif "RecognizableVisualFeatures" in study.header:
            holder.RecognizableVisualFeatures = study.header.RecognizableVisualFeatures
        holder.VerificationFlag = "UNVERIFIED"
        holder.DocumentTitle = f"{' '.join(document.marks)} {document.title}"[:1024]
        holder.ConceptNameCodeSequence = [code_item(TITLE)]
        holder.SourceInstanceSequence = [reference_to(study)]
        holder.MIMETypeOfEncapsulatedDocument = "application/pdf"
        holder.EncapsulatedDocumentLength = len(pdf)
        holder.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
        return file_bytes(holder)
