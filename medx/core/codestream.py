"""What the codestream of a compressed frame says of its size, before it is decoded."""

from __future__ import annotations

import struct
from typing import NamedTuple

_JPEG_START, _JPEG2000_START, _JP2_SIGNATURE = b"\xff\xd8", b"\xff\x4f\xff\x51", b"jP  "

# Start-of-frame markers of JPEG (ITU-T T.81 table B.1) and JPEG-LS (T.87).
_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


class Frame(NamedTuple):
    """Size of an image in a codestream."""

    rows: int
    columns: int
    samples: int


def read_jpeg_frame(encoded: bytes) -> Frame:
    """Return the size in a JPEG or JPEG-LS codestream.

    Raises:
        ValueError: When there is none.
    """
    if not encoded.startswith(_JPEG_START):
        raise ValueError("not a JPEG codestream")
    at = 2
    while at + 4 <= len(encoded) and encoded[at] == 0xFF:
        marker, length = encoded[at + 1], int.from_bytes(encoded[at + 2 : at + 4], "big")
        if marker in _FRAME_MARKERS:
            return _from_jpeg_segment(encoded[at + 4 : at + 10])
        if length < 2:
            break
        at += 2 + length
    raise ValueError("no frame in the JPEG codestream")


def read_jpeg2000_frame(encoded: bytes) -> Frame:
    """Return the size in a JPEG 2000 codestream, bare or in a JP2 file.

    Raises:
        ValueError: When there is none.
    """
    at = _codestream_start(encoded)
    if encoded[at : at + 4] != _JPEG2000_START or len(encoded) < at + 42:
        raise ValueError("not a JPEG 2000 codestream")
    # ISO/IEC 15444-1 A.5.1: Xsiz Ysiz XOsiz YOsiz XTsiz YTsiz XTOsiz YTOsiz Csiz
    right, bottom, left, top, tile_width, tile_height, _, _, samples = struct.unpack(
        ">8LH", encoded[at + 8 : at + 42]
    )
    if right <= left or bottom <= top or tile_width == 0 or tile_height == 0:
        raise ValueError("empty JPEG 2000 image")
    return Frame(bottom - top, right - left, samples)


def _from_jpeg_segment(segment: bytes) -> Frame:
    if len(segment) < 6:
        raise ValueError("cut JPEG frame header")
    _, rows, columns, samples = struct.unpack(">BHHB", segment)
    return Frame(rows, columns, samples)


def _codestream_start(encoded: bytes) -> int:
    if encoded[4:8] != _JP2_SIGNATURE:
        return 0
    at = 12
    while at + 8 <= len(encoded):
        length, kind = struct.unpack(">L4s", encoded[at : at + 8])
        if kind == b"jp2c":
            return at + 8
        if length < 8:  # a box of no length would be looked at for ever
            break
        at += length
    raise ValueError("no codestream in the JP2 file")
