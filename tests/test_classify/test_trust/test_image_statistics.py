import numpy as np
import pytest

from classify.trust.image_statistics import image_statistics


def draw(shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("side", [16, 28, 65])
def test_each_image_has_one_finite_row(side):
    for tail in ((), (3,)):
        found = image_statistics(draw((7, side, side, *tail)))
        assert found.shape[0] == 7
        assert np.isfinite(found).all()
    assert np.isfinite(image_statistics(np.zeros((2, side, side), np.uint8))).all()


def test_rows_do_not_depend_on_their_neighbours():
    pixels = draw((600, 16, 16))
    np.testing.assert_allclose(image_statistics(pixels)[550], image_statistics(pixels[550:551])[0])


def test_the_thumbnail_is_the_mean_of_cells():
    pixels = draw((1, 16, 16))
    cells = pixels[0].reshape(8, 2, 8, 2).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(image_statistics(pixels)[0, :64], cells.ravel())


def test_sign_brightness_and_colour_are_seen():
    pixels = draw((4, 28, 28))
    own, negative = image_statistics(pixels), image_statistics(255 - pixels)
    assert np.abs(own - negative).max() > 0.1
    tinted = np.repeat(pixels[..., None], 3, axis=3)
    tinted[..., 2] //= 2
    assert np.abs(image_statistics(tinted)[:, -1]).min() > 0.1
