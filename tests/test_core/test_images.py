import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image as PILImage
from test_core.dicom_files import write_dicom

from medx.core import limits
from medx.core.errors import InputError
from medx.core.images import image_from_array, list_images, read_image, resize, to_grey, to_rgb

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_dicom_without_suffix_is_recognised_and_names_nobody(tmp_path):
    path = write_dicom(tmp_path / "IM0001", RAMP)
    image = read_image(path)
    assert np.array_equal(image.pixels, RAMP)
    assert "Doe" not in str(image.facts)


@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\0" * 128 + b"DICM"]
)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".dcm", ".npy", ".tiff", ""])
def test_junk_is_one_clear_error(tmp_path, content, suffix):
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="junk"):
        read_image(path)


@pytest.mark.parametrize("name", ["readings.csv", "readings", "readings.dcm"])
def test_what_is_no_image_is_told_what_one_would_be(tmp_path, name):
    (tmp_path / name).write_text("AccessionNumber,label\n" * 20)
    with pytest.raises(InputError, match="no PNG, JPEG, TIFF, BMP, NPY or DICOM image in it"):
        read_image(tmp_path / name)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 300), flip=st.integers(0, 300), value=st.integers(0, 255))
def test_damaged_png_gives_pixels_or_a_clear_error(tmp_path_factory, cut, flip, value):
    path = tmp_path_factory.mktemp("png") / "x.png"
    PILImage.fromarray(RAMP).save(path)
    data = bytearray(path.read_bytes()[: max(1, 320 - cut)])
    data[flip % len(data)] = value
    path.write_bytes(bytes(data))
    try:
        pixels = read_image(path).pixels
    except InputError:
        return
    assert pixels.dtype == np.uint8


def test_missing_and_too_large_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no such image"):
        read_image(tmp_path / "absent.png")
    PILImage.fromarray(RAMP).save(tmp_path / "big.png")
    monkeypatch.setattr(limits, "MAX_PIXELS", 255)
    with pytest.raises(InputError, match="16×16"):
        read_image(tmp_path / "big.png")


@given(
    npst.arrays(
        st.sampled_from([np.float32, np.int16, np.uint16, np.float64]),
        npst.array_shapes(min_dims=2, max_dims=2, max_side=8),
    )
)
@settings(max_examples=60, deadline=None)
def test_any_numeric_array_becomes_uint8(array):
    with np.errstate(all="ignore"):
        assert image_from_array(array).pixels.dtype == np.uint8


def test_constant_image_is_black_not_nan():
    assert (image_from_array(np.full((3, 3), 7.0, np.float32)).pixels == 0).all()


@pytest.mark.parametrize("shape", [(3,), (2, 2, 4), (2, 2, 2, 2), (0, 4)])
def test_impossible_shapes_are_refused(shape):
    with pytest.raises(InputError, match="not an image"):
        image_from_array(np.zeros(shape, np.uint8))


def test_grey_rgb_and_resize_shapes():
    assert np.array_equal(to_grey(to_rgb(RAMP)), RAMP)
    assert resize(to_rgb(RAMP), 8).shape == (8, 8, 3)
    assert resize(np.full((9, 5), 77, np.uint8), 4).tolist() == [[77] * 4] * 4


def test_list_images_finds_nested_files_or_says_what_it_reads(tmp_path):
    (tmp_path / "a").mkdir()
    PILImage.fromarray(RAMP).save(tmp_path / "a" / "x.PNG")
    assert [p.name for p in list_images(tmp_path)] == ["x.PNG"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images in"):
        list_images(tmp_path / "empty")


@pytest.mark.parametrize("name", ["notes", "notes.dcm", "notes.png"])
def test_a_text_file_is_said_to_hold_no_image(tmp_path, name):
    (tmp_path / name).write_text("Dear colleague,\n\nplease find attached\n" * 20)
    with pytest.raises(InputError, match=r"no .* image in it"):
        read_image(tmp_path / name)
