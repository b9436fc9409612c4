import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image as PILImage
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from medx.core import limits
from medx.core.errors import InputError
from medx.core.images import image_from_array, list_images, read_image, resize, to_grey, to_rgb

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def write_dicom(path, pixels, *, photometric="MONOCHROME2", **tags):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PatientName = "Doe^Jane"
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_lossless_grey_files_keep_every_pixel(tmp_path, suffix):
    path = tmp_path / f"ramp{suffix}"
    PILImage.fromarray(RAMP).save(path)
    assert np.array_equal(read_image(path).pixels, RAMP)


def test_colour_stays_colour_and_alpha_is_dropped(tmp_path):
    rgba = np.zeros((4, 5, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 200, 255
    PILImage.fromarray(rgba).save(tmp_path / "c.png")
    pixels = read_image(tmp_path / "c.png").pixels
    assert pixels.shape == (4, 5, 3)
    assert (pixels == [200, 0, 0]).all()


def test_sixteen_bit_png_is_windowed_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 10_000).astype(np.uint16).reshape(100, 100)
    PILImage.fromarray(ramp).save(tmp_path / "deep.png")
    pixels = read_image(tmp_path / "deep.png").pixels
    assert abs(pixels.mean() - 127.5) < 1
    facts = read_image(tmp_path / "deep.png").facts
    assert (facts["bits"], facts["applied"]) == ("16", "0.5-99.5 percentiles")


def test_exif_orientation_is_applied(tmp_path):
    exif = PILImage.Exif()
    exif[0x0112] = 6
    PILImage.fromarray(RAMP[:8]).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").native_size == (16, 8)


def test_dicom_window_then_monochrome1_inversion(tmp_path):
    raw = np.array([[0, 100], [200, 300]], np.uint16)
    tags = {"WindowCenter": 150, "WindowWidth": 300, "PixelSpacing": [0.2, 0.3]}
    plain = read_image(write_dicom(tmp_path / "m2.dcm", raw, **tags))
    inverted = read_image(write_dicom(tmp_path / "m1.dcm", raw, photometric="MONOCHROME1", **tags))
    assert plain.spacing == (0.2, 0.3)
    assert plain.pixels[0, 0] < plain.pixels[0, 1] < plain.pixels[1, 0] < plain.pixels[1, 1]
    assert np.array_equal(inverted.pixels, 255 - plain.pixels)


def test_a_dicom_window_is_kept_as_it_is(tmp_path):
    raw = np.linspace(1800, 2200, 100).astype(np.uint16).reshape(10, 10)
    tags = {"WindowCenter": 2048, "WindowWidth": 4096, "BitsStored": 12, "HighBit": 11}
    image = read_image(write_dicom(tmp_path / "w.dcm", raw, **tags))
    assert abs(image.pixels.astype(float) - raw / 4095 * 255).max() <= 0.51
    assert image.facts["applied"] == "window"


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("slope", [2, -2])
def test_dicom_windows_follow_the_standard(tmp_path, function, slope):
    raw = np.arange(0, 400, 4, dtype=np.uint16).reshape(10, 10)
    tags = {"RescaleSlope": slope, "RescaleIntercept": 10, "VOILUTFunction": function}
    center = slope * 200 + 10
    window = {"WindowCenter": center, "WindowWidth": 401}
    image = read_image(write_dicom(tmp_path / "w.dcm", raw, **tags, **window))
    x = raw * float(slope) + 10 - center
    expected = {
        "LINEAR": (x + 0.5) / 400 + 0.5,
        "LINEAR_EXACT": x / 401 + 0.5,
        "SIGMOID": 1 / (1 + np.exp(-4 * x / 401)),
    }[function]
    assert abs(image.pixels - np.clip(expected, 0, 1) * 255).max() <= 0.51
    assert image.facts["applied"] == "rescale, window"


def test_a_voi_lut_wins_over_the_window_and_spans_its_depth(tmp_path):
    lut = pydicom.Dataset()
    lut.add_new("LUTDescriptor", "US", [4, 10, 12])
    lut.add_new("LUTData", "US", [0, 1000, 2000, 4095])
    raw = np.array([[0, 11], [12, 99]], np.uint16)
    tags = {"VOILUTSequence": [lut], "WindowCenter": 1, "WindowWidth": 2}
    image = read_image(write_dicom(tmp_path / "l.dcm", raw, photometric="MONOCHROME1", **tags))
    assert image.pixels.tolist() == [[255, 255 - 62], [255 - 125, 0]]
    assert image.facts["applied"] == "VOI LUT, MONOCHROME1 inverted"


def test_dicom_without_a_window_is_stretched_and_says_so(tmp_path):
    raw = np.linspace(1800, 2200, 100).astype(np.uint16).reshape(10, 10)
    tags = {"RescaleSlope": 1, "RescaleIntercept": 0}
    deep = read_image(write_dicom(tmp_path / "d.dcm", raw, **tags))
    assert (deep.pixels.min(), deep.pixels.max()) == (0, 255)
    assert deep.facts["applied"] == "0.5-99.5 percentiles"
    shallow = read_image(write_dicom(tmp_path / "s.dcm", RAMP[4:8], **tags))
    assert np.array_equal(shallow.pixels, RAMP[4:8])
    assert shallow.facts["applied"] == ""


def test_half_a_dicom_spacing_is_none(tmp_path):
    path = write_dicom(tmp_path / "s.dcm", RAMP, ImagerPixelSpacing=[0.2])
    assert read_image(path).spacing is None


def test_dicom_without_suffix_is_recognised_and_names_nobody(tmp_path):
    path = write_dicom(tmp_path / "IM0001", RAMP)
    image = read_image(path)
    assert np.array_equal(image.pixels, RAMP)
    assert "Doe" not in str(image.facts)


def test_real_dicom_reads(real_data):
    image = read_image(real_data / "cxr" / "rsna_portable_chest.dcm")
    assert image.native_size == (1024, 1024)
    assert image.facts["modality"] == "CR"
    assert 40 < image.pixels.mean() < 215


@pytest.mark.parametrize(
    "content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"\0" * 128 + b"DICM"]
)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".dcm", ".npy", ".tiff", ""])
def test_junk_is_one_clear_error(tmp_path, content, suffix):
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="junk"):
        read_image(path)


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


def _npy_header(shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 cut",
        _npy_header((10**6, 10**6)),
        _npy_header((10**30, 10**30)),
        _npy_header((100, 100)) + b"short",
        _npy_header("(1, ("),
    ],
)
def test_damaged_npy_is_one_clear_error(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npy"):
        read_image(tmp_path / "x.npy")


def test_npy_files_keep_their_pixels(tmp_path):
    np.save(tmp_path / "a.npy", RAMP)
    assert np.array_equal(read_image(tmp_path / "a.npy").pixels, RAMP)


def test_pickled_npy_is_never_loaded(tmp_path):
    np.save(tmp_path / "p.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(InputError, match="as an image"):
        read_image(tmp_path / "p.npy")


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
