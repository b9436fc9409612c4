"""Image and heat-map as DICOM Secondary Capture."""

from __future__ import annotations

from typing import Any

import numpy as np
from highdicom.sc import SCImage
from pydicom.sr.coding import Code

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
from reportgen.exports.material import Material
from reportgen.exports.pictures import about, captioned, overlay
from reportgen.exports.study import Study

DERIVED_FROM = Code("121322", "DCM", "Source image for image processing operation")
SHORT_TEXT = 1024
LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")


def sc_bytes(material: Material) -> bytes:
    """Return the picture as the bytes of a DICOM file; what it is stands in it, below the image.

    Raises:
        InputError: When the source's header cannot be copied.
        ValueError: When the material has no study, pixels or heat-map.
    """
    study, heatmap, document = material.study, material.heatmap, material.document
    if study is None or heatmap is None or material.pixels is None:
        raise ValueError("a heat-map in DICOM needs a study, pixels and a heat-map")
    lines = [*document.marks, about(heatmap)]
    picture = captioned(overlay(material.pixels, heatmap.values), lines)
    with refusing_odd_headers():
        image = SCImage(
            pixel_array=np.asarray(picture),
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            patient_orientation=("L", "F"),
            study_instance_uid=study.header.StudyInstanceUID,
            **new_series("SC", document),
            **equipment(document),
            **written_at(document, study),
        )
        copy_study(image, study)
        _describe(image, study, about(heatmap))
        return file_bytes(image)


def _describe(image: Any, study: Study, derivation: str) -> None:
    header = study.header
    # Where the source does not say how the patient lies, nobody knows: type 2C may be empty.
    image.PatientOrientation = header.get("PatientOrientation") or None
    laterality = header.get("Laterality") or header.get("ImageLaterality")
    # Empty where it is both, neither or not said: a secondary capture has no other place for it.
    image.Laterality = laterality if laterality in {"L", "R"} else None
    image.ConversionType = "WSD"
    image.DerivationDescription = derivation[:SHORT_TEXT]
    source = reference_to(study)
    source.PurposeOfReferenceCodeSequence = [code_item(DERIVED_FROM)]
    image.SourceImageSequence = [source]
    for keyword in ("BurnedInAnnotation", *LOSSY):  # the image is in the picture
        if header.get(keyword):
            image[keyword] = header[keyword]
