"""Pixels as PNG, fast.

Pillow tries five filters on each row, which takes three times as long as all else and, of
radiographs, saves nothing.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from medx.core.pixels import Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2  # the filter: each row less the one above
_COLOURS = {2: 0, 3: 2}  # dimensions of the pixels → colour type


def encode_png(pixels: Pixels) -> bytes:
    """Return a PNG file (W3C PNG, third edition, 2025).

    Args:
        pixels: ``uint8`` ``(H, W)`` or ``(H, W, 3)``.
    """
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    # Runs and letter frequencies alone: what is noise has no more to give.
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[pixels.ndim], 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", packer.compress(filtered.data) + packer.flush()),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
