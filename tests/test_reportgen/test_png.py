import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PILImage

from reportgen.engines.png import encode_png

side = st.integers(1, 9)
shapes = st.tuples(side, side) | st.tuples(side, side, st.just(3))


@given(arrays(np.uint8, shapes))
def test_pillow_reads_what_is_written(pixels):
    with PILImage.open(io.BytesIO(encode_png(pixels))) as read:
        read.verify()
    with PILImage.open(io.BytesIO(encode_png(pixels))) as read:
        assert (read.format, read.mode) == ("PNG", "L" if pixels.ndim == 2 else "RGB")
        np.testing.assert_array_equal(np.asarray(read), pixels)


def test_a_film_takes_no_more_than_pillow_makes_of_it():
    ramp = np.add.outer(np.arange(512), np.arange(512)) // 5
    film = (ramp + np.random.default_rng(0).integers(0, 16, ramp.shape)).astype(np.uint8)
    stream = io.BytesIO()
    PILImage.fromarray(film).save(stream, "png")
    assert len(encode_png(film)) < 1.05 * len(stream.getvalue())
