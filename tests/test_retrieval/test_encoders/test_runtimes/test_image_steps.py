"""Image preprocessing without torch, beside open_clip's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from medx.core.images import to_rgb
from retrieval.encoders.runtimes.image_steps import ImageSteps

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def both(height, width, mode, interpolation="bicubic", fill=0):
    steps = ImageSteps(
        height=height, width=width, resize_mode=mode, interpolation=interpolation,
        fill_color=fill, mean=MEAN, std=STD,
    )  # fmt: skip
    config = PreprocessCfg(
        size=(height, width), resize_mode=mode, interpolation=interpolation, fill_color=fill,
        mean=MEAN, std=STD,
    )  # fmt: skip
    return steps, image_transform_v2(config, is_train=False)


def noise(height, width, *, colour=False, seed=0):
    shape = (height, width, 3) if colour else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    sides=st.tuples(st.integers(1, 130), st.integers(1, 130)),
    colour=st.booleans(),
    mode=st.sampled_from(["shortest", "longest", "squash"]),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
    size=st.sampled_from([(32, 32), (48, 24)]),
)
def test_equals_open_clip(sides, colour, mode, interpolation, size):
    steps, transform = both(*size, mode, interpolation, fill=7)
    if mode == "longest" and max(sides) > 8 * min(sides):
        return  # a side of such a picture can round to no pixels at all
    pixels = noise(*sides, colour=colour)
    expected = transform(Image.fromarray(to_rgb(pixels))).numpy()
    np.testing.assert_allclose(steps.apply([pixels])[0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [(28, 28), (224, 224), (512, 390), (300, 701), (1024, 1024)])
def test_equals_open_clip_at_its_own_size(shape):
    steps, transform = both(224, 224, "shortest")
    pixels = noise(*shape)
    expected = transform(Image.fromarray(to_rgb(pixels))).numpy()
    np.testing.assert_allclose(steps.apply([pixels])[0], expected, atol=1e-6, rtol=0)


def test_fitting_twice_is_fitting_once():
    steps, _ = both(32, 32, "shortest")
    pixels = noise(90, 41)
    fitted = steps.fit(pixels)
    assert fitted.shape == (32, 32)
    np.testing.assert_array_equal(steps.apply([fitted]), steps.apply([pixels]))


def test_black_stays_finite():
    steps, _ = both(32, 32, "shortest")
    assert np.isfinite(steps.apply([np.zeros((5, 9), np.uint8)])).all()
