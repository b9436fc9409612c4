"""Inflating deflated DICOM files, no further than is safe."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

from medx.core import limits
from medx.core.errors import InputError

_META_GROUP = 0x0002


def inflate(path: Path, stream: Any) -> io.BytesIO | None:
    """Return a deflated DICOM file as it was before, or None when the file is not deflated.

    pydicom would inflate whatever the file asks for.
    """
    from pydicom.filereader import read_dataset, read_preamble
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    read_preamble(stream, force=True)
    meta = read_dataset(
        stream,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, vr, length: tag.group != _META_GROUP,
    )
    start = stream.tell()
    stream.seek(0)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return None
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(stream[start:], limits.MAX_INFLATED)
    if inflater.unconsumed_tail:
        raise InputError(
            f"{path} unpacks to more than medx reads safely",
            hint=f"the limit is {limits.MAX_INFLATED >> 20} MiB; export its frames one by one",
        )
    # Without the file meta, pydicom sees by itself that this is explicit and little endian.
    return io.BytesIO(content)
