"""A DICOM file with its picture and nothing that points at a person.

What is kept is listed; everything else goes, private tags, overlays, dates and free text included.
Pixels, and text burnt into them, are kept as they are.
"""

from __future__ import annotations

import re
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from medx.core.dicom_identity import Identity
from medx.core.errors import InputError
from medx.core.pseudonyms import Pseudonyms

#: Kept on any level: what a viewer needs to show the picture and a reader to judge it.
KEPT_TAGS = frozenset({
    "SOPClassUID", "ImageType", "Modality", "BodyPartExamined", "ViewPosition", "ImageLaterality",
    "Laterality", "PatientOrientation", "InstanceNumber", "BurnedInAnnotation",
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames",
    "Rows", "Columns", "PixelAspectRatio", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "SmallestImagePixelValue", "LargestImagePixelValue",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "EstimatedRadiographicMagnificationFactor", "SliceThickness",
    "SpacingBetweenSlices", "PixelIntensityRelationship", "PixelIntensityRelationshipSign",
    "RescaleIntercept", "RescaleSlope", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "PresentationLUTShape", "ModalityLUTSequence", "VOILUTSequence", "LUTDescriptor", "LUTData",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "PixelMeasuresSequence", "FrameVOILUTSequence", "PixelValueTransformationSequence",
    "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod",
    "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    *(
        f"{prefix}{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for prefix, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
    ),
})  # fmt: skip

METHOD = "medx: listed tags kept, UIDs and patient id keyed"
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{0,16}")
#: Codes that scanners and people fill with words of their own.
_OPEN_CODES = frozenset({
    "BodyPartExamined", "ViewPosition", "ImageType", "Modality", "Laterality", "ImageLaterality",
    "PatientOrientation",
})  # fmt: skip


def deidentify(dataset: FileDataset, pseudonyms: Pseudonyms, *, patient: str) -> Dataset:
    """Return a new dataset of the listed tags, with stand-ins for its UIDs and its patient.

    Args:
        dataset: A whole file as pydicom read it.
        pseudonyms: Where stand-ins come from.
        patient: What is written as patient id: a stand-in.

    Raises:
        InputError: When it holds no pixels or lacks the UIDs that make it a file.
    """
    if "PixelData" not in dataset:
        raise InputError("a DICOM file without pixel data")
    kept = _kept(dataset, Identity(dataset))
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if value := dataset.get(keyword):
            setattr(kept, keyword, pseudonyms.uid(str(value)))
    if not {"SOPClassUID", "SOPInstanceUID"} <= set(kept.dir()):
        raise InputError("a DICOM file without SOP class and instance UID")
    kept.PatientID = patient
    kept.PatientIdentityRemoved = "YES"
    kept.DeidentificationMethod = METHOD
    kept.LongitudinalTemporalInformationModified = "REMOVED"
    kept.file_meta = FileMetaDataset()
    kept.file_meta.MediaStorageSOPClassUID = kept.SOPClassUID
    kept.file_meta.MediaStorageSOPInstanceUID = kept.SOPInstanceUID
    kept.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    return kept


def _kept(dataset: Dataset, identity: Identity) -> Dataset:
    kept = Dataset()
    for tag in dataset.keys():  # noqa: SIM118 - iterating a pydicom dataset decodes every element
        if tag.is_private or keyword_for_tag(tag) not in KEPT_TAGS:
            continue
        element = _element(dataset, tag)
        if element is None or element.VR not in dictionary_VR(tag):
            continue
        if element.VR == "SQ":
            element = DataElement(
                tag, "SQ", Sequence([_kept(item, identity) for item in element.value])
            )
        if _says_nothing(element, identity):
            kept[tag] = element
    return kept


def _element(dataset: Dataset, tag: Any) -> DataElement | None:
    try:
        return dataset[tag]
    except (ValueError, TypeError, OverflowError):  # a damaged value; what matters fails to show
        return None


def _says_nothing(element: DataElement, identity: Identity) -> bool:
    """Return False for a text that is no code, or is a name in this file."""
    if element.VR == "UI":
        return not UID(str(element.value)).is_private  # a standard class, never an instance
    if element.VR != "CS" or element.is_empty:
        return True
    values = [str(value) for value in (element.value if element.VM > 1 else [element.value])]
    if element.keyword in _OPEN_CODES and any(map(identity.is_in_text, values)):
        return False
    return all(_CODE_STRING.fullmatch(value) for value in values)
