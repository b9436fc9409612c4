"""Writing FAISS's file of flat vectors piece by piece, so that memory holds one piece."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from retrieval.encoders.base import Embeddings


def write_flat_file(path: Path, pieces: Iterable[Embeddings], dim: int) -> None:
    """Write unit vectors, given as float32 ``(n, dim)`` pieces, as ``IndexFlatIP`` would be."""
    flat: Any = faiss.IndexFlatIP(dim)
    header = bytearray(faiss.serialize_index(flat).tobytes())
    count = 0
    with path.open("wb") as stream:
        stream.write(header)
        for piece in pieces:
            stream.write(np.ascontiguousarray(piece, "<f4").data)
            count += len(piece)
        # The header of an empty index but for the two places that tell how many.
        struct.pack_into("<q", header, 8, count)
        struct.pack_into("<Q", header, len(header) - 8, count * dim)
        stream.seek(0)
        stream.write(header)
