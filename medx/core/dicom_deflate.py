"""Inflating deflated DICOM files, no further than is safe."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medx.core import limits
from medx.core.errors import InputError

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

_META_GROUP = 0x0002


def read_bounded(
    name: str | Path, stream: Any, *, force: bool = False, **options: Any
) -> FileDataset:
    """Return what ``pydicom.dcmread`` does, without inflating whatever the file asks for.

    Args:
        name: The file, for messages.
        stream: A whole DICOM file, open or in memory.
        force: Read it without its preamble too.
        options: What else ``dcmread`` takes.

    Raises:
        InputError: When it unpacks to more than is safe; besides what pydicom raises.
    """
    import pydicom

    inflated = inflate(name, stream)
    if inflated is None:
        return pydicom.dcmread(stream, force=force, **options)
    dataset = pydicom.dcmread(inflated, force=True, **options)
    dataset.file_meta = pydicom.dataset.FileMetaDataset(_read_meta(stream))
    return dataset


def inflate(name: str | Path, stream: Any) -> io.BytesIO | None:
    """Return a deflated DICOM file as it was before, or None when the file is not deflated.

    Raises:
        InputError: When it unpacks to more than is safe.
    """
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    syntax = _read_meta(stream).get("TransferSyntaxUID")
    start = stream.tell()
    stream.seek(0)
    if syntax != DeflatedExplicitVRLittleEndian:
        return None
    stream.seek(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(stream.read(), limits.MAX_INFLATED)
    stream.seek(0)
    if inflater.unconsumed_tail:
        raise InputError(
            f"{name} unpacks to more than medx reads safely",
            hint=f"the limit is {limits.MAX_INFLATED >> 20} MiB; export its frames one by one",
        )
    # Without the file meta, pydicom sees by itself that this is explicit and little endian.
    return io.BytesIO(content)


def _read_meta(stream: Any) -> Dataset:
    """Return the file meta information, and leave the stream behind it."""
    from pydicom.filereader import read_dataset, read_preamble

    read_preamble(stream, force=True)
    return read_dataset(
        stream,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, vr, length: tag.group != _META_GROUP,
    )
