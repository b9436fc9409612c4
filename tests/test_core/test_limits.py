"""Files that promise more than they hold, or unpack to more than a machine has."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from test_core.dicom_files import make_dicom, save, write_dicom
from test_core.image_seeds import chunk

from medx.core import limits
from medx.core.codestream import read_jpeg2000_frame, read_jpeg_frame
from medx.core.errors import InputError
from medx.core.images import count_frames, read_image

GREY = (np.add.outer(np.arange(40), np.arange(36)) * 3).astype(np.uint8)


@pytest.fixture
def refused():
    """Read a file that must be refused before it takes memory; return the message."""

    def read(path, match, **options):
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match=match) as caught:
                read_image(path, **options)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 64 << 20
        assert caught.value.hint
        return str(caught.value)

    return read


@pytest.mark.parametrize("size", [(65_535, 65_535), (2**31 - 1, 2**31 - 1), (40_000, 2_501)])
def test_a_png_of_huge_size_is_refused_unread(tmp_path, refused, size):
    header = struct.pack(">LLBBBBB", *size, 8, 2, 0, 0, 0)
    content = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    )
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    refused(tmp_path / "x.png", "pixels")


def test_a_small_png_that_cannot_hold_its_pixels_is_refused_unread(tmp_path, refused):
    content = chunk(b"IHDR", struct.pack(">LLBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0))
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content + chunk(b"IDAT", b"x" * 99))
    refused(tmp_path / "x.png", "truncated")


def test_a_tiff_of_huge_size_is_refused_unread(tmp_path, refused):
    tags = [(256, 50_000), (257, 50_000), (258, 8), (259, 1), (262, 1), (273, 8), (279, 9)]
    entries = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags)
    content = b"II*\0" + struct.pack("<LH", 8, len(tags)) + entries + bytes(4)
    (tmp_path / "x.tif").write_bytes(content)
    refused(tmp_path / "x.tif", "too many pixels")


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless]
)
def test_a_dicom_that_lies_about_its_size_is_refused_undecoded(tmp_path, refused, keyword, syntax):
    dataset = make_dicom(GREY, syntax=syntax)
    setattr(dataset, keyword, 65_535)
    refused(save(dataset, tmp_path / "x.dcm"), "cannot read")
    dataset.Rows = dataset.Columns = 65_535
    refused(save(dataset, tmp_path / "x.dcm"), "pixels, more than")


@pytest.mark.parametrize("frames", [2**31 - 1, 10**11, 100_001])
def test_a_dicom_that_claims_too_many_frames_is_refused(tmp_path, refused, frames):
    path = write_dicom(tmp_path / "x.dcm", GREY, NumberOfFrames=str(frames))
    refused(path, "more than 100000 frames")
    with pytest.raises(InputError, match="frames"):
        count_frames(path)


def test_a_frame_that_is_claimed_but_not_there_is_refused(tmp_path, refused):
    path = write_dicom(tmp_path / "x.dcm", GREY, NumberOfFrames="90000")
    refused(path, "cannot read", frame=89_999)


def test_a_deflated_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INFLATED", 1 << 20)
    dataset = make_dicom(GREY, syntax=DeflatedExplicitVRLittleEndian)
    dataset.add_new(0x00091001, "OB", bytes(20 << 20))
    path = save(dataset, tmp_path / "x.dcm")
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="unpacks to more"):
        read_image(path)


def test_an_element_longer_than_the_file_takes_no_memory(tmp_path, refused):
    path = write_dicom(tmp_path / "x.dcm", GREY)
    content = path.read_bytes()
    at = content.index(b"\x28\x00\x10\x00")
    lying = b"\x28\x00\x01\x30SQ\0\0" + (2**32 - 16).to_bytes(4, "little")
    path.write_bytes(content[:at] + lying + content[at:])
    refused(path, "cannot read")


def test_a_box_of_no_length_does_not_hang_the_reader(tmp_path, refused):
    boxes = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\0ftyp" + bytes(90)
    dataset = make_dicom(GREY)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([boxes])
    dataset["PixelData"].is_undefined_length = True
    refused(save(dataset, tmp_path / "x.dcm"), "cannot read")


def test_a_palette_that_repeats_itself_for_ever_ends(tmp_path, refused):
    dataset = make_dicom(GREY, photometric="PALETTE COLOR")
    segments = np.array([0, 1, 8, 2, 65_535, 3, 0] * 50, "<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [0, 0, 16])
        dataset.add_new(f"Segmented{colour}PaletteColorLookupTableData", "OW", segments)
    refused(save(dataset, tmp_path / "x.dcm"), "cannot read")


@pytest.mark.parametrize(
    "shape", [(10**6, 10**6), (10**30, 1), (30_000, 5_000), (10**6, 30, 30), (-5, 5), (0, 5), (5,)]
)
def test_npy_headers_that_promise_too_much_are_refused(tmp_path, refused, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(100)
    (tmp_path / "x.npy").write_bytes(content)
    refused(tmp_path / "x.npy", r"x\.npy")


def test_a_npz_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch, refused):
    monkeypatch.setattr(limits, "MAX_DECODED", 20 << 20)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        target = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            target, {"descr": "|u1", "fortran_order": False, "shape": (40, 1000, 1000)}
        )
        with archive.open("image.npy", "w", force_zip64=True) as member:
            member.write(target.getvalue())
            for _ in range(40):
                member.write(bytes(10**6))
    refused(tmp_path / "x.npz", "unpacks to")


def test_a_file_that_is_too_large_or_empty_is_refused(tmp_path, monkeypatch, refused):
    path = write_dicom(tmp_path / "x.dcm", GREY)
    monkeypatch.setattr(limits, "MAX_BYTES", 100)
    refused(path, "larger than")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "it is empty")


def test_a_name_that_cannot_be_a_file_is_one_error():
    with pytest.raises(InputError):
        read_image("a\0b.png")


def test_codestream_sizes_are_read_where_the_standards_put_them():
    dataset = make_dicom(GREY, syntax=JPEG2000Lossless)
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    assert read_jpeg2000_frame(frame) == (40, 36, 1)
    boxed = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x08free" + b"\0\0\0\0jp2c" + frame
    assert read_jpeg2000_frame(boxed) == (40, 36, 1)
    dataset = make_dicom(GREY, syntax=JPEGLSLossless)
    assert read_jpeg_frame(pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)) == (
        (40, 36, 1)
    )


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\0\0", b"\xff\xd8\xff\xc0\0\x0b\x08"]
)
def test_a_cut_codestream_has_no_size(content):
    with pytest.raises(ValueError, match="JPEG"):
        read_jpeg_frame(content)
    with pytest.raises(ValueError, match="JPEG 2000"):
        read_jpeg2000_frame(content)
