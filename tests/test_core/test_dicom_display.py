"""From stored values to what a viewer shows."""

import numpy as np
import pydicom
import pytest
from test_core.dicom_files import lut_item, make_dicom, save, write_dicom

from medx.core.images import read_image

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
RNG = np.random.default_rng(0)


def windowed(values, center, width):
    return np.rint(np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255)


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


def test_modality_lut_then_voi_lut_then_inversion(tmp_path):
    stored = np.array([[0, 5], [6, 7]], np.uint16)
    path = write_dicom(
        tmp_path / "x.dcm", stored, photometric="MONOCHROME1",
        ModalityLUTSequence=[lut_item([3, 5, 16], [100, 200, 300])],
        VOILUTSequence=[lut_item([3, 199, 8], [10, 20, 30])],
    )  # fmt: skip
    image = read_image(path)
    assert image.pixels.tolist() == [[245, 245], [255 - 20, 255 - 30]]
    assert image.facts["applied"] == "modality LUT, VOI LUT, MONOCHROME1 inverted"


@pytest.mark.parametrize("bits", [8, 16])
def test_an_eight_bit_voi_lut_may_have_more_entries_than_its_depth(tmp_path, bits):
    stored = np.array([[0, 1000], [2000, 4095]], np.uint16)
    entries = (np.arange(4096) // 16 * (1 if bits == 8 else 257)).tolist()
    path = write_dicom(
        tmp_path / "x.dcm", stored, VOILUTSequence=[lut_item([4096, 0, bits], entries)]
    )
    assert read_image(path).pixels.tolist() == [[0, 62], [125, 255]]


def test_each_frame_has_its_own_window_rescale_and_spacing(tmp_path):
    frames = RNG.integers(0, 4096, (3, 8, 9)).astype(np.uint16)
    dataset = make_dicom(frames, frames=3, bits=12)
    shared, rescale, measures = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept = 2, -1000
    measures.PixelSpacing = [0.5, 0.25]
    shared.PixelValueTransformationSequence, shared.PixelMeasuresSequence = [rescale], [measures]
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [shared], []
    for center in (500, 1000, 3000):
        group, voi = pydicom.Dataset(), pydicom.Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 1001
        group.FrameVOILUTSequence = [voi]
        dataset.PerFrameFunctionalGroupsSequence.append(group)
    path = save(dataset, tmp_path / "x.dcm")
    for frame, center in enumerate((500, 1000, 3000)):
        image = read_image(path, frame=frame)
        assert np.array_equal(image.pixels, windowed(frames[frame] * 2.0 - 1000, center, 1001))
        assert image.spacing == (0.5, 0.25)
        assert image.facts["window"] == f"{center}/1001"


def test_padding_does_not_stretch_the_picture(tmp_path):
    stored = np.linspace(1000, 1200, 10_000).astype(np.uint16).reshape(100, 100)
    stored[:, :30] = 65535
    plain = read_image(write_dicom(tmp_path / "a.dcm", stored)).pixels
    padded = read_image(write_dicom(tmp_path / "b.dcm", stored, PixelPaddingValue=65535)).pixels
    assert np.ptp(plain[:, 30:]) < 5
    assert np.ptp(padded[:, 30:]) > 250


@pytest.mark.parametrize(
    "tags", [{"WindowCenter": 10, "WindowWidth": 0}, {"WindowCenter": None, "WindowWidth": 10}]
)
def test_an_impossible_window_is_said_to_be_ignored(tmp_path, tags):
    image = read_image(write_dicom(tmp_path / "x.dcm", RAMP.astype(np.uint16), **tags))
    assert image.facts["applied"] == "unusable window ignored, 0.5-99.5 percentiles"
    assert image.pixels.max() == 255


@pytest.mark.parametrize("first", [-1000, 64536])
def test_a_voi_lut_may_start_below_zero(tmp_path, first):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [3, first, 8])
    item.add_new("LUTData", "US", [10, 20, 30])
    stored = np.array([[0, 24], [25, 26]], np.uint16)
    rescale = {"RescaleSlope": 1, "RescaleIntercept": -1024, "VOILUTSequence": [item]}
    image = read_image(write_dicom(tmp_path / "x.dcm", stored, **rescale))
    assert image.pixels.tolist() == [[10, 10], [20, 30]]
    assert image.facts["applied"] == "rescale, VOI LUT"
