import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from classify.explanation.pointing import (
    box_coverage,
    energy_in_boxes,
    fit_boxes,
    near_boxes,
    overlap_with_boxes,
    pointing_hit,
)
from medx.datasets.manifest import Box

MAPS = arrays(np.float32, (8, 8), elements=st.floats(0, 1, width=32))
CORNER = np.array([[0.0, 0.0, 4.0, 4.0]])


def single(row: int, column: int, size: int = 8) -> np.ndarray:
    values = np.zeros((size, size), np.float32)
    values[row, column] = 1.0
    return values


@pytest.mark.parametrize(("place", "hit"), [((1, 1), 1.0), ((3, 3), 1.0), ((4, 1), 0.0)])
def test_pointing_game_without_tolerance(place, hit):
    assert pointing_hit(single(*place), near_boxes(CORNER, 8, tolerance=0.0)) == hit


def test_tolerance_is_a_share_of_the_side():
    near = near_boxes(np.array([[100.0, 100.0, 110.0, 110.0]]), 224)  # 15 pixels
    assert near[105, 110:].sum() == 15
    assert near[105, :100].sum() == 15
    assert near[111 + 9, 111 + 9]
    assert not near[111 + 12, 111 + 12]  # the corner is round


def test_a_flat_map_points_as_chance_does():
    near = near_boxes(CORNER, 8, tolerance=0.0)
    assert pointing_hit(np.zeros((8, 8)), near) == near.mean() == 0.25


def test_energy_and_overlap_of_known_maps():
    coverage = box_coverage(CORNER, 8)
    half = np.zeros((8, 8))
    half[:4] = 1.0  # the box is half of it
    assert energy_in_boxes(half, coverage) == 0.5
    assert overlap_with_boxes(half, coverage) == 16 / 32
    assert overlap_with_boxes(coverage, coverage) == 1.0
    assert overlap_with_boxes(np.ones((8, 8)), coverage) == coverage.mean()
    empty = np.zeros((8, 8))
    assert energy_in_boxes(empty, coverage) == overlap_with_boxes(empty, coverage) == 0.0


def test_only_what_reaches_half_of_the_peak_is_marked():
    values = 0.8 * box_coverage(CORNER, 8) + 0.39 * (1 - box_coverage(CORNER, 8))
    assert overlap_with_boxes(values, box_coverage(CORNER, 8)) == 1.0


def test_boxes_are_fitted_as_images_are_resized():
    boxes = [Box(label="a", x=50, y=10, width=100, height=20)]
    fitted = fit_boxes(boxes, (40, 200), 32)  # 40 rows, 200 columns
    np.testing.assert_allclose(fitted, [[8.0, 8.0, 24.0, 24.0]])
    assert box_coverage(fitted, 32).sum() == 16 * 16


def test_boxes_beyond_the_image_are_cut_or_left_out():
    drawn_upwards = Box(label="a", x=30, y=30, width=-20, height=-20)
    beyond = Box(label="a", x=90, y=0, width=20, height=20)
    outside = Box(label="a", x=200, y=0, width=20, height=20)
    fitted = fit_boxes([drawn_upwards, beyond, outside], (100, 100), 100)
    np.testing.assert_allclose(fitted, [[10, 10, 30, 30], [90, 0, 100, 20]])
    assert fit_boxes([], (100, 100), 100).shape == (0, 4)


@given(MAPS, st.floats(0, 7), st.floats(0, 7), st.floats(0.1, 8), st.floats(0.1, 8))
def test_figures_are_shares_and_follow_a_mirrored_image(values, x, y, width, height):
    boxes = np.array([[x, y, min(x + width, 8), min(y + height, 8)]])
    mirrored = np.array([[8 - boxes[0, 2], y, 8 - x, boxes[0, 3]]])
    coverage, other = box_coverage(boxes, 8), box_coverage(mirrored, 8)
    np.testing.assert_allclose(coverage[:, ::-1], other, atol=1e-12)
    assert coverage.sum() == pytest.approx((boxes[0, 2] - x) * (boxes[0, 3] - y))
    for measure in (energy_in_boxes, overlap_with_boxes):
        assert -1e-9 <= measure(values, coverage) <= 1 + 1e-6
        assert measure(values, coverage) == pytest.approx(measure(values[:, ::-1], other), abs=1e-6)
