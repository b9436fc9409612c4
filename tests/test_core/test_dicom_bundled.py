"""The reader on the files that pydicom ships."""

import numpy as np
import pydicom
import pytest
from test_core.image_seeds import BUNDLED

from medx.core.errors import InputError
from medx.core.images import count_frames, list_images, read_image

# What has no picture in it, or is damaged on purpose.
UNREADABLE = {
    "ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "JPEG-lossy.dcm", "badVR.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm", "MR_truncated.dcm", "UN_sequence.dcm",
    "empty_charset_LEI.dcm", "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm", "no_meta.dcm",
    "no_meta_group_length.dcm", "priv_SQ.dcm", "reportsi.dcm",
    "reportsi_with_empty_number_tags.dcm", "rtplan.dcm", "rtplan_truncated.dcm", "rtstruct.dcm",
    "test-SR.dcm", "waveform_ecg.dcm",
}  # fmt: skip

SHAPES = {
    "CT_small.dcm": (128, 128), "MR_small.dcm": (64, 64), "693_J2KI.dcm": (512, 512),
    "J2K_pixelrep_mismatch.dcm": (512, 512), "JPEG2000.dcm": (1024, 256),
    "JPGExtended.dcm": (1024, 256), "JPEGLSNearLossless_08.dcm": (45, 10),
    "examples_overlay.dcm": (300, 484), "examples_palette.dcm": (350, 800, 3),
    "examples_ybr_color.dcm": (240, 320, 3), "examples_jpeg2k.dcm": (480, 640, 3),
    "image_dfl.dcm": (512, 512), "liver_1frame.dcm": (512, 512), "rtdose.dcm": (10, 10),
    "SC_rgb_rle_32bit.dcm": (100, 100, 3), "SC_rgb_small_odd.dcm": (3, 3, 3),
    "ExplVR_BigEnd.dcm": (60, 80, 3), "SC_rgb_jpeg.dcm": (256, 256, 3),
}  # fmt: skip

NAMES = sorted(path.name for path in BUNDLED.glob("*.dcm"))
MR_LOSSLESS = sorted(
    path.name for path in BUNDLED.glob("MR_small*.dcm") if path.name != "MR_small.dcm"
)
COLOUR_BARS = sorted(
    path.name
    for path in BUNDLED.glob("SC_rgb*.dcm")
    if not any(other in path.name for other in ("small", "jpeg.dcm", "dcmd", "jls"))
)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_gives_a_sane_picture_or_one_clear_error(name, recwarn, capfd):
    if name in UNREADABLE:
        with pytest.raises(InputError, match="cannot read"):
            read_image(BUNDLED / name)
    else:
        pixels = read_image(BUNDLED / name).pixels
        assert pixels.shape == SHAPES.get(name, pixels.shape)
        assert np.ptp(pixels) > 30
        assert 0 < pixels.mean() < 255
    assert not recwarn.list
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", MR_LOSSLESS)
def test_one_slice_is_the_same_in_every_lossless_syntax(name):
    expected = read_image(BUNDLED / "MR_small.dcm").pixels
    assert np.array_equal(read_image(BUNDLED / name).pixels, expected)


@pytest.mark.parametrize("name", COLOUR_BARS)
def test_colour_bars_are_the_same_in_every_photometric_and_depth(name):
    expected = read_image(BUNDLED / "SC_rgb_rle.dcm").pixels.astype(int)
    difference = abs(read_image(BUNDLED / name).pixels - expected)
    # Lossy and chroma-sampled ones differ where bars meet.
    assert np.median(difference) <= 2
    assert difference.mean() < 4


def test_a_lossless_jpeg_is_exact():
    expected = read_image(BUNDLED / "SC_rgb_rle.dcm").pixels
    assert np.array_equal(read_image(BUNDLED / "SC_rgb_jpeg_gdcm.dcm").pixels, expected)


def test_twelve_bit_jpeg_agrees_with_jpeg_2000_of_the_same_picture():
    pictures = [read_image(BUNDLED / f"{name}.dcm").pixels for name in ("JPGExtended", "JPEG2000")]
    assert np.corrcoef(*[picture.ravel() for picture in pictures])[0, 1] > 0.95


def test_our_windowing_is_pydicoms():
    for name in ("MR_small.dcm", "693_J2KI.dcm", "examples_overlay.dcm"):
        dataset = pydicom.dcmread(BUNDLED / name)
        values = pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset)
        shown = pydicom.pixels.apply_windowing(values, dataset)
        low, high = pydicom.pixels.apply_windowing(np.array([-1e9, 1e9]), dataset)
        expected = np.rint((shown - low) / (high - low) * 255)
        assert abs(read_image(BUNDLED / name).pixels - expected).max() <= 1


def test_frames_of_an_ultrasound_clip_differ():
    path = BUNDLED / "examples_ybr_color.dcm"
    assert count_frames(path) == 30
    first, last = read_image(path).pixels, read_image(path, frame=29).pixels
    assert first.shape == last.shape == (240, 320, 3)
    assert (first != last).any()


def test_files_without_suffix_are_found_in_a_folder():
    found = {path.name for path in list_images(BUNDLED / "dicomdirtests" / "77654033")}
    assert {"6154", "6247", "6278", "17106"} <= found
    assert "DICOMDIR" not in {path.name for path in list_images(BUNDLED / "dicomdirtests")}


def test_a_real_chest_film(real_data):
    image = read_image(real_data / "cxr" / "rsna_portable_chest.dcm")
    assert image.native_size == (1024, 1024)
    assert image.facts["modality"] == "CR"
    assert image.facts["transfer_syntax"] == "JPEG Baseline (Process 1)"
    assert 40 < image.pixels.mean() < 215
    plain = pydicom.dcmread(real_data / "cxr" / "rsna_portable_chest.dcm")
    identity = [str(plain.get(tag)) for tag in ("PatientID", "PatientName", "StudyInstanceUID")]
    assert not any(value and value in str(image) for value in identity)
