import io

import numpy as np
import pytest
from PIL import Image as PILImage

from medx.case.pictures import map_layer, overlay, png
from medx.core.values import HeatMap


@pytest.fixture
def heatmap():
    values = np.zeros((8, 8), np.float32)
    values[:, 4:] = 1.0
    return HeatMap(
        id="film", label="pneumonia", method="gradcam", classifier="run", peak=(0.7, 0.5),
        zone="right", values=values,
    )  # fmt: skip


def test_a_layer_is_clear_where_there_is_no_evidence(heatmap):
    layer = map_layer(heatmap, (40, 80))
    assert layer.shape == (40, 80, 4)
    assert layer[:, :20, 3].max() == 0
    assert layer[:, -20:, 3].min() == 255


def test_an_overlay_leaves_pixels_without_evidence_alone(heatmap):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 80), np.uint8)
    drawn = overlay(pixels, heatmap)
    assert drawn.shape == (40, 80, 3)
    assert (drawn[:, :20] == pixels[:, :20, None]).all()
    assert not (drawn[:, -20:] == pixels[:, -20:, None]).all()


def test_pictures_are_lossless_and_made_smaller_only_where_they_are_too_large():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 90), np.uint8)
    with PILImage.open(io.BytesIO(png(pixels))) as opened:
        assert (np.asarray(opened) == pixels).all()
    with PILImage.open(io.BytesIO(png(pixels, largest=45))) as opened:
        assert opened.size == (45, 15)
