import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PILImage

from classify.robustness.corruptions import CORRUPTIONS, SEVERITIES

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}
PIXELS = arrays(np.uint8, st.sampled_from([(16, 16), (28, 28), (16, 16, 3)]))


@pytest.fixture
def image():
    rows = np.linspace(30, 220, 64)
    waves = 20 * np.sin(np.arange(64) * 1.7)
    return np.clip(rows[:, None] + waves, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
@given(pixels=PIXELS, severity=st.sampled_from([0, *SEVERITIES]))
def test_any_image_stays_an_image(corruption, pixels, severity):
    spoilt = corruption.apply(pixels, severity, seed=3)
    assert spoilt.shape == pixels.shape
    assert spoilt.dtype == np.uint8
    np.testing.assert_array_equal(spoilt, corruption.apply(pixels, severity, seed=3))
    if severity == 0:
        np.testing.assert_array_equal(spoilt, pixels)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
def test_each_severity_is_further_from_the_image(corruption, image):
    if corruption.name == "rotation":  # waves turned far enough fall on one another again
        image = np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1))
    distances = [
        np.abs(corruption.apply(image, s, seed=0).astype(float) - image).mean()
        for s in (0, *SEVERITIES)
    ]
    assert distances[0] == 0
    assert (np.diff(distances) > 0).all()
    with pytest.raises(ValueError, match="severity must be in 0-5"):
        corruption.apply(image, 6, seed=0)


@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_is_pillows(image, colour):
    pixels = np.stack([image, image.T, image], axis=-1) if colour else image
    for severity, quality in zip(SEVERITIES, (80, 50, 25, 10, 5), strict=True):
        stream = io.BytesIO()
        PILImage.fromarray(pixels).save(stream, "JPEG", quality=quality)
        expected = np.asarray(PILImage.open(stream))
        np.testing.assert_array_equal(BY_NAME["JPEG"].apply(pixels, severity, seed=0), expected)


def test_noise_has_the_spread_it_says():
    grey = np.full((200, 200), 128, np.uint8)
    for severity, spread in zip(SEVERITIES, BY_NAME["noise"].strengths, strict=True):
        noisy = BY_NAME["noise"].apply(grey, severity, seed=0) / 255
        assert noisy.std() == pytest.approx(spread, rel=0.03)
    dark = BY_NAME["speckle"].apply(np.zeros_like(grey), 5, seed=0)
    assert not dark.any()  # in proportion to the brightness


def test_brightness_contrast_and_gamma_follow_their_formula():
    pixels = np.repeat(np.array([[51, 102], [153, 204]], np.uint8), 2, axis=1)
    assert BY_NAME["brighter"].apply(pixels, 2, seed=0)[0, 0] == 76  # 51 + 25.5
    assert BY_NAME["darker"].apply(pixels, 5, seed=0)[0, 0] == 0
    assert BY_NAME["less contrast"].apply(pixels, 3, seed=0)[0, 0] == round((51 + 127.5) / 2)
    assert BY_NAME["gamma above 1"].apply(pixels, 2, seed=0)[0, 0] == round(255 * 0.2**1.4)


def test_blur_and_down_sampling_are_relative_to_the_side():
    small, large = np.zeros((32, 32), np.uint8), np.zeros((128, 128), np.uint8)
    small[:, 16:], large[:, 64:] = 255, 255
    for name in ("blur", "down-sampling"):
        little = BY_NAME[name].apply(small, 4, seed=0).astype(int)
        much = BY_NAME[name].apply(large, 4, seed=0).astype(int)
        assert np.abs(little - much.reshape(32, 4, 32, 4).mean(axis=(1, 3))).max() < 60


def test_rotation_turns_to_both_sides_and_draws_the_border_out(image):
    turned = [BY_NAME["rotation"].apply(image, 3, seed=seed) for seed in range(8)]
    assert len({t.tobytes() for t in turned}) == 2
    assert not BY_NAME["rotation"].apply(np.full((32, 32), 200, np.uint8), 5, seed=0).min() < 200
