"""Ways to damage an image file: blind ones for any bytes, and edits that keep a format's shape."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from random import Random

import pydicom
from test_core.image_seeds import chunk

_EXTREMES = (0, 1, 2, 3, 7, 8, 16, 32, 64, 127, 128, 255, 4095, 32767, 65534, 65535)

_ELEMENTS = (
    "Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration", "NumberOfFrames", "PhotometricInterpretation",
    "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelSpacing",
    "VOILUTFunction", "PixelPaddingValue", "LUT", "Palette", "PixelData", "TransferSyntaxUID",
)  # fmt: skip
_TEXTS = ("", "0", "-1", "1e308", "nan", "abc", "2147483648", "5", "100\\200", "0.0000001")
_PHOTOMETRICS = ("MONOCHROME1", "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "HSV", "")
_SYNTAXES = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.5", "1.2.3",
)  # fmt: skip


def mutate(name: str, content: bytes, other: bytes, rng: Random) -> bytes:
    """Return ``content`` damaged; ``other`` is a file of any kind to splice in."""
    edits: list[Callable[[], bytes]] = [lambda: _blind(content, other, rng)]
    if name.endswith(".png"):
        edits += [lambda: _edit_png(content, rng)] * 2
    elif name.endswith(".tif"):
        edits += [lambda: _edit_tiff(content, rng)] * 2
    elif name.endswith(".npy"):
        edits += [lambda: _edit_npy(content, rng)] * 2
    elif name.startswith("dicom"):
        edits += [lambda: _edit_dicom(content, rng)]
        if rng.random() < 0.3:  # the compressed pixels are at the end
            return content[:-1000] + _blind(content[-1000:], other, rng)
    damaged = rng.choice(edits)()
    return _blind(damaged, other, rng) if rng.random() < 0.1 else damaged


def _blind(content: bytes, other: bytes, rng: Random) -> bytes:
    data = bytearray(content)
    at, length = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 16, 100, 1000))
    kind = rng.randrange(7)
    if kind == 0:
        for _ in range(rng.choice((1, 1, 2, 8, 64))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at:]
    elif kind == 2:
        del data[at : at + length]
    elif kind == 3:
        data[at:at] = data[at : at + length]
    elif kind == 4:
        data[at : at + length] = bytes([rng.choice((0, 255, rng.randrange(256)))]) * length
    elif kind == 5:
        data[at : at + length] = rng.randbytes(length)
    else:
        start = rng.randrange(len(other))
        data[at:at] = other[start : start + length]
    return bytes(data)


def _edit_png(content: bytes, rng: Random) -> bytes:
    chunks, at = [], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    which, kind = rng.randrange(len(chunks)), rng.randrange(4)
    if kind == 0:
        size = [rng.choice((0, 1, 24, 9999, 65535, 2**31 - 1, rng.getrandbits(32))) for _ in "wh"]
        depth, colour = rng.choice((1, 2, 4, 8, 16, 3)), rng.choice((0, 2, 3, 4, 6, 1))
        header = struct.pack(">LLBB", *size, depth, colour) + bytes([0, 0, rng.randrange(3)])
        chunks[0] = (b"IHDR", header if rng.random() < 0.7 else chunks[0][1][:8] + header[8:])
    elif kind == 1:
        del chunks[which]
    elif kind == 2:
        chunks.insert(which, rng.choice(chunks))
    else:
        damaged = _blind(chunks[which][1] or b"\0", b"PLTE", rng)
        chunks[which] = (chunks[which][0], damaged)
    return content[:8] + b"".join(chunk(*each) for each in chunks)


def _edit_tiff(content: bytes, rng: Random) -> bytes:
    """Overwrite some field of an entry of the first directory."""
    data = bytearray(content)
    directory = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[directory : directory + 2], "little")
    entry = directory + 2 + 12 * rng.randrange(count + 1)
    field, size = rng.choice(((0, 2), (2, 2), (4, 4), (8, 4), (8, 4), (8, 4)))
    value = rng.choice((*_EXTREMES, directory, 2**31, 2**32 - 1)) & (256**size - 1)
    data[entry + field : entry + field + size] = value.to_bytes(size, "little")
    return bytes(data)


def _edit_npy(content: bytes, rng: Random) -> bytes:
    shape = tuple(
        rng.choice((0, 1, 2, 3, 20, 24, 10**5, 10**9, -1)) for _ in range(rng.randrange(5))
    )
    dtype = rng.choice(("|u1", "<u2", ">i4", "<f8", "|O", "|b1", "<c16", "|S8", "<f2", "<M8[s]"))
    order = rng.choice(("True", "False"))
    text = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}\n"
    if rng.random() < 0.2:
        text = _blind(text.encode("latin-1"), b"((((", rng).decode("latin-1")
    header = text.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content[128:]


def _edit_dicom(content: bytes, rng: Random) -> bytes:
    """Set or delete elements of the image through pydicom; damage it blindly if that fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content), force=True)
            for _ in range(rng.choice((1, 1, 2, 3))):
                _edit_element(dataset, rng.choice(_ELEMENTS), rng)
            target = io.BytesIO()
            dataset.save_as(target)
            return target.getvalue()
    except Exception:  # pydicom refuses to write some of this
        return _blind(content, content, rng)


def _edit_element(dataset: pydicom.Dataset, keyword: str, rng: Random) -> None:
    number = rng.choice((*_EXTREMES, rng.randrange(65536)))
    if keyword == "TransferSyntaxUID":
        dataset.file_meta.TransferSyntaxUID = rng.choice(_SYNTAXES)
    elif keyword == "PixelData":
        dataset.PixelData = _blind(dataset.PixelData, b"\xfe\xff\xdd\xe0", rng)
    elif keyword == "LUT":
        item = pydicom.Dataset()
        item.add_new(
            "LUTDescriptor", "US", [number, rng.choice(_EXTREMES), rng.choice((8, 12, 16, 99))]
        )
        item.add_new(
            "LUTData", "US", [rng.randrange(65536) for _ in range(rng.choice((1, 16, 256)))]
        )
        setattr(dataset, rng.choice(("VOILUTSequence", "ModalityLUTSequence")), [item])
    elif keyword == "Palette":
        dataset.PhotometricInterpretation = "PALETTE COLOR"
        segmented = rng.choice(("", "Segmented"))
        for colour in ("Red", "Green", "Blue"):
            descriptor = [number, 0, rng.choice((8, 16))]
            dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", descriptor)
            data = bytes(rng.choice((0, 1, 2, 5, 255)) for _ in range(rng.choice((16, 512))))
            dataset.add_new(f"{segmented}{colour}PaletteColorLookupTableData", "OW", data)
    elif keyword not in dataset or rng.random() < 0.9:
        texts = _PHOTOMETRICS if keyword == "PhotometricInterpretation" else _TEXTS
        is_text = pydicom.datadict.dictionary_VR(keyword) in {"DS", "IS", "CS", "LO"}
        dataset.add_new(
            keyword, "LO" if is_text else "US", rng.choice(texts) if is_text else number
        )
        if is_text:
            dataset[keyword].VR = pydicom.datadict.dictionary_VR(keyword)
    else:
        del dataset[keyword]
