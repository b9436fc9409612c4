"""One frame of a DICOM file to stored values, through pydicom's decoders."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from medx.core.codestream import Frame, read_jpeg2000_frame, read_jpeg_frame
from medx.core.limits import check_decoded, check_floats, check_pixels

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

_PIXEL_TAGS = {
    (0x7FE0, 0x0008): "FloatPixelData",
    (0x7FE0, 0x0009): "DoubleFloatPixelData",
    (0x7FE0, 0x0010): "PixelData",
}

_PIXEL_VRS = {b"OB", b"OW", b"OF", b"OD", b"UN"}

# Run-length encoding makes at most 128 bytes of two.
_BEST_RLE = 64

# OpenJPEG holds every sample as 32 bits.
_JPEG2000_SAMPLE = 4

# Colour conversion works on floats, so it is done some rows at a time.
_ROWS = 256


def decode_frame(
    path: Path, stream: Any, header: Dataset, frame: int
) -> tuple[npt.NDArray[Any], str, str]:
    """Return stored values ``(H, W)`` or ``(H, W, 3)``, their photometric and the transfer syntax.

    Args:
        path: The file, for messages.
        stream: Positioned where the header ended, at the element that holds the pixels.
        header: The attributes of the image.
        frame: Which frame, from 0.
    """
    from pydicom.pixels import as_pixel_options, get_decoder

    syntax = _transfer_syntax(header)
    options = as_pixel_options(header)
    options |= _enter_pixels(stream, header)
    options["allow_excess_frames"] = False
    _check_size(path, stream, options, syntax, frame)
    # The RLE plugin of pylibjpeg is faster, but panics on damaged data.
    plugin = "pydicom" if syntax.name.startswith("RLE") else ""
    array, made = get_decoder(syntax).as_array(
        stream, index=frame, raw=True, decoding_plugin=plugin, **options
    )
    photometric = str(made["photometric_interpretation"])
    if photometric in {"YBR_FULL", "YBR_FULL_422"} and array.ndim == 3:
        array, photometric = _to_rgb(array), "RGB"
    return array, photometric, syntax.name


def _transfer_syntax(header: Dataset) -> UID:
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if named := header.file_meta.get("TransferSyntaxUID"):
        return named
    implicit, little = header.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _enter_pixels(stream: Any, header: Dataset) -> dict[str, Any]:
    """Move a stream to the value of the pixel element; return what its tag says."""
    implicit, little = header.original_encoding
    order = "<" if little else ">"
    group, element, vr, _ = struct.unpack(f"{order}HH2sH", stream.read(8))
    # Some writers say explicit and write implicit.
    if implicit or vr not in _PIXEL_VRS:
        return {"pixel_keyword": _PIXEL_TAGS[group, element]}
    stream.read(4)
    return {"pixel_keyword": _PIXEL_TAGS[group, element], "pixel_vr": vr.decode()}


def _check_size(path: Path, stream: Any, options: dict[str, Any], syntax: UID, frame: int) -> None:
    """Refuse what is too large, and headers that promise more than the pixel data hold."""
    rows, columns = int(options["rows"]), int(options["columns"])
    samples, bits = int(options["samples_per_pixel"]), int(options["bits_allocated"])
    check_pixels(path, rows, columns)
    size = rows * columns * samples * bits // 8
    check_decoded(path, size)
    if bits > 16:
        check_floats(path, rows * columns * samples)
    if not syntax.is_encapsulated:
        return
    encoded = _encoded_frame(stream, options, frame)
    if syntax.name.startswith("RLE"):
        if len(encoded) * _BEST_RLE < size:
            raise ValueError("too few bytes for the image")
        return
    is_jpeg2000 = "2000" in syntax.name
    found = read_jpeg2000_frame(encoded) if is_jpeg2000 else read_jpeg_frame(encoded)
    if found != Frame(rows, columns, samples):
        raise ValueError("header and pixel data disagree")
    if is_jpeg2000:
        check_decoded(path, rows * columns * samples * _JPEG2000_SAMPLE)


def _encoded_frame(stream: Any, options: dict[str, Any], frame: int) -> bytes:
    from pydicom.encaps import get_frame

    start = stream.tell()
    encoded = get_frame(
        stream,
        frame,
        number_of_frames=options["number_of_frames"],
        extended_offsets=options.get("extended_offsets"),
    )
    stream.seek(start)
    return bytes(encoded)


def _to_rgb(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    from pydicom.pixels import convert_color_space

    rgb = np.empty_like(array)
    for top in range(0, len(array), _ROWS):
        rows = slice(top, top + _ROWS)
        rgb[rows] = convert_color_space(array[rows], "YBR_FULL", "RGB")
    return rgb
