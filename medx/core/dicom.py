"""DICOM files to display-ready pixels; only the image's own attributes are ever parsed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medx.core.dicom_deflate import inflate
from medx.core.errors import InputError
from medx.core.limits import check_frame, unreadable
from medx.core.mapped import open_mapped
from medx.core.pixels import Image, Pixels
from medx.core.quiet import quiet
from medx.core.raster import NO_IMAGE

if TYPE_CHECKING:
    from pydicom import Dataset

# Everything that says who the patient is stays unread.
_TAGS = [
    "Modality", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelSpacing",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction", "WindowCenter", "WindowWidth",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
]  # fmt: skip

# PS3.3 C.7.3.1.1.1, those that make images; another value may be anything, a name too.
_MODALITIES = frozenset({
    "BI", "CR", "CT", "DG", "DX", "ES", "GM", "HC", "IO", "IVOCT", "IVUS", "MG", "MR", "NM", "OCT",
    "OP", "OPT", "OT", "PT", "PX", "RF", "RG", "RTDOSE", "RTIMAGE", "SC", "SEG", "SM", "TG", "US",
    "XA", "XC",
})  # fmt: skip
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_FRAME_MACROS = (
    "PixelMeasuresSequence", "PixelValueTransformationSequence", "FrameVOILUTSequence",
)  # fmt: skip


def read_dicom(path: Path, frame: int) -> Image:
    """Read one frame of a DICOM file as a viewer shows it."""
    try:
        with quiet(), open_mapped(path) as mapped:
            header, stream = _read_header(path, mapped)
            frames = _number_of_frames(header)
            check_frame(path, frame, frames)
            return _image(path, stream, header, frame, frames)
    except InputError:
        raise
    except Exception as error:  # parsers and decoders raise anything on a damaged file
        # Their messages may quote values of the file, so neither shows them nor the traceback.
        raise unreadable(path, _reason(error)) from None


def count_dicom_frames(path: Path) -> int:
    """Return the number of frames a DICOM file says it holds."""
    try:
        with quiet(), open_mapped(path) as mapped:
            frames = _number_of_frames(_read_header(path, mapped)[0])
    except InputError:
        raise
    except Exception as error:
        raise unreadable(path, _reason(error)) from None
    check_frame(path, 0, frames)
    return frames


def _read_header(path: Path, file: Any) -> tuple[Dataset, Any]:
    """Return the attributes of the image and a stream that stands at its pixels."""
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    try:
        stream = inflate(path, file) or file
        header = pydicom.dcmread(stream, force=True, stop_before_pixels=True, specific_tags=_TAGS)
    except Exception:
        if file[128:132] == b"DICM":
            raise
        raise _NotAnImageError(NO_IMAGE) from None  # most likely it was never meant to be one
    if stream is not file:
        header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    if "Rows" not in header or "Columns" not in header:
        raise _NotAnImageError("" if file[128:132] == b"DICM" else NO_IMAGE)
    return header, stream


class _NotAnImageError(Exception):
    """A DICOM object without pixels, or no DICOM at all."""


def _number_of_frames(header: Dataset) -> int:
    frames = int(header.get("NumberOfFrames") or 1)
    if frames < 0:
        raise ValueError("a negative number of frames")
    return frames


def _image(path: Path, stream: Any, header: Dataset, frame: int, frames: int) -> Image:
    from medx.core.dicom_decode import decode_frame

    stored, photometric, syntax = decode_frame(path, stream, header, frame)
    view = _frame_view(header, frame)
    pixels, steps, window = _displayed(stored, view, photometric)
    spacing, keyword = _read_spacing(view)
    modality = str(header.get("Modality", ""))
    facts = {
        "format": "DICOM",
        "modality": modality if modality in _MODALITIES else "",
        "bits": str(int(header.get("BitsStored") or header.BitsAllocated)),
        "photometric": str(header.PhotometricInterpretation),
        "transfer_syntax": syntax,
        "applied": ", ".join(steps),
    }
    if frames > 1:
        facts |= {"frame": str(frame), "frames": str(frames)}
    if window:
        facts["window"] = window
    if keyword:
        facts["spacing_from"] = keyword
    return Image(pixels=pixels, spacing=spacing, facts=facts)


def _displayed(
    stored: npt.NDArray[Any], view: Dataset, photometric: str
) -> tuple[Pixels, list[str], str]:
    from medx.core.dicom_display import show_colour, show_grey, show_palette

    if photometric in {"MONOCHROME1", "MONOCHROME2"} and stored.ndim == 2:
        return show_grey(stored, view, inverted=photometric == "MONOCHROME1")
    if photometric == "PALETTE COLOR" and stored.ndim == 2:
        return show_palette(stored, view), ["palette"], ""
    if photometric == "RGB" and stored.ndim == 3:
        converted = str(view.PhotometricInterpretation) != "RGB"
        return show_colour(stored, view), ["YBR to RGB"] if converted else [], ""
    raise _UnsupportedError("its photometric interpretation is not supported")


class _UnsupportedError(Exception):
    """Something DICOM allows and medx does not read; the message quotes no value."""


def _frame_view(header: Dataset, frame: int) -> Dataset:
    """Return a header with a frame's functional groups put on top (PS3.3 C.7.6.16)."""
    from pydicom import Dataset

    view = Dataset()
    view.set_original_encoding(*header.original_encoding)
    view.update(header)
    shared = header.get("SharedFunctionalGroupsSequence") or []
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    for group in [*shared[:1], *each[frame : frame + 1]]:
        for macro in _FRAME_MACROS:
            for item in (group.get(macro) or [])[:1]:
                view.update(item)
    return view


def _read_spacing(view: Dataset) -> tuple[tuple[float, float] | None, str]:
    for keyword in _SPACINGS:
        try:
            row, column = (float(value) for value in view.get(keyword))
        except Exception:  # absent, or not the two numbers it should be
            continue
        if 0 < row < np.inf and 0 < column < np.inf:
            return (row, column), keyword
    return None, ""


def _reason(error: Exception) -> str:
    from pydicom.errors import InvalidDicomError

    if isinstance(error, _UnsupportedError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, _NotAnImageError | InvalidDicomError):
        return str(error) or "no DICOM image in it"
    return "its DICOM header or pixel data are damaged"
