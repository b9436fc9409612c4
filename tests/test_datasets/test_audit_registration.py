import numpy as np
import pytest
from test_datasets.audit_data import draw_image
from test_datasets.planted_copies import cropped, shifted, turned

from medx.datasets.audit.registration import align, correlate, standardise

SIZE = 64
NOTHING_IN_COMMON = np.zeros((SIZE, SIZE), np.float32)


def lay_over(moving, fixed):
    moves = np.zeros((len(moving), 6), np.float32)
    return align(np.stack(moving), np.stack(fixed), moves)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (shifted(0.04), [0.04, 0, 0, -0.04, 0, 0]),
        (cropped(0.03), [0, 0.03, 0, 0, 0, 0.03]),
        (turned(3.0), [0, 0, -0.026, 0, 0.026, 0]),
    ],
)
def test_moves_are_undone(change, expected):
    images = [draw_image(seed, SIZE) for seed in range(8)]
    aligned = lay_over([change(image) for image in images], images)
    # Borders are made up, so that a little of each move may be told as another.
    assert np.abs(np.median(aligned.moves, 0) - expected).max() < 0.006
    assert correlate(aligned, NOTHING_IN_COMMON).min() > 0.95


def test_brightness_and_contrast_do_not_count():
    images = [draw_image(seed, SIZE) for seed in range(4)]
    dimmed = [(image * 0.5 + 60).astype(np.uint8) for image in images]
    aligned = lay_over(dimmed, images)
    assert np.abs(aligned.moves).max() < 0.005
    assert correlate(aligned, NOTHING_IN_COMMON).min() > 0.97


def test_different_images_stay_different():
    aligned = lay_over([draw_image(i, SIZE) for i in range(20)], [draw_image(99, SIZE)] * 20)
    assert correlate(aligned, NOTHING_IN_COMMON).max() < 0.8


def test_what_images_have_in_common_does_not_count():
    rng = np.random.default_rng(0)
    common = draw_image(0, SIZE)
    images = [
        np.clip(common + rng.normal(0, 20, common.shape), 0, 255).astype(np.uint8) for _ in range(2)
    ]
    aligned = lay_over(images[:1], images[1:])
    common = standardise(common[None]).reshape(SIZE, SIZE)
    assert correlate(aligned, common)[0] < 0.3


def test_flat_images_are_like_nothing():
    flat = np.full((SIZE, SIZE), 90, np.uint8)
    assert (
        correlate(lay_over([flat, flat], [flat, draw_image(0, SIZE)]), NOTHING_IN_COMMON).max()
        < 0.1
    )
