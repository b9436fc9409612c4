import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont
from test_datasets.audit_data import clean_images, draw_image, write_records

from medx.core.images import read_image
from medx.datasets.audit.audit import audit_dataset
from medx.datasets.audit.borders import measure_borders
from medx.datasets.audit.burnt_in import count_characters
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import generate_phantoms


def write_on(pixels, text, *, at, height=14, fill=255):
    picture = PILImage.fromarray(pixels.copy())
    ImageDraw.Draw(picture).text(at, text, fill=fill, font=ImageFont.load_default(height))
    return np.asarray(picture)


@given(
    st.tuples(*[st.integers(0, 9)] * 4),
    st.sampled_from([0, 255]),
    st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_the_depth_of_a_frame_is_measured(depths, level, seed):
    top, bottom, left, right = depths
    inside = draw_image(seed, 50)
    framed = np.pad(inside, ((top, bottom), (left, right)), constant_values=level)
    height, width = framed.shape
    expected = [top / height, bottom / height, left / width, right / width]
    assert measure_borders(framed) == pytest.approx(expected)


def test_a_marker_on_a_frame_does_not_end_it():
    framed = np.pad(draw_image(0, 180), 20, constant_values=0)
    marked = write_on(framed, "L", at=(196, 3), height=12)
    assert measure_borders(marked) == pytest.approx([20 / 220] * 4)


def test_phantom_markers_are_found_and_nothing_else():
    marked = {"centre-A", "centre-B", "centre-C"}  # centre-D places no lead letter
    for phantom in generate_phantoms(PhantomConfig(count=40, size=128, seed=8)):
        assert (count_characters(phantom.image) > 0) == (phantom.centre in marked)


@pytest.mark.parametrize("text", ["L", "PORTABLE", "12:45 AP"])
def test_words_are_found_on_films_that_have_none(text):
    plain = generate_phantoms(PhantomConfig(count=12, size=192, seed=4, centre_strength=0.0))
    for phantom in plain:
        assert count_characters(phantom.image) == 0
        assert count_characters(write_on(phantom.image, text, at=(8, 8), height=18)) >= 1


def test_dark_surroundings_make_a_letter():
    assert count_characters(np.full((128, 128), 255, np.uint8)) == 0
    on_white = write_on(np.full((128, 128), 250, np.uint8), "PORTABLE", at=(8, 8))
    assert count_characters(on_white) == 0


def test_small_images_are_not_judged():
    assert count_characters(draw_image(0, 95)) is None
    assert count_characters(draw_image(0, 96)) == 0


def test_letters_on_a_real_film(real_data):
    film = read_image(real_data / "cxr" / "rsna_portable_chest.dcm")
    assert count_characters(film.pixels) >= 2


def test_marked_classes_are_shortcuts(tmp_path):
    images = []
    for record, pixels in clean_images(64, 128):
        if record.label == "ill":
            pixels = write_on(np.pad(pixels[6:-6, 6:-6], 6), "R", at=(12, 8))
        images.append((record, pixels))
    found = {f.check: f for f in audit_dataset(write_records(tmp_path / "d", images)).findings}
    assert found["borders"].count == 32
    assert {i.ids[0] for i in found["borders"].instances} == {
        r.id for r, _ in images if r.label == "ill"
    }
    assert found["label-follows-frame"].severity == "warning"
    assert "label-follows-burnt-in-text" in found
    assert found["burnt-in-text"].severity == "info"
