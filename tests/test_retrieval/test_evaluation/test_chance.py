from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evaluation.measures import expect_all, measure_all, measures_at

MEASURES = measures_at((1, 2, 4))


def all_orders(relevant, gallery):
    """Every order of a gallery, as flags in rank order."""
    return np.array(list(permutations([True] * relevant + [False] * (gallery - relevant))))


@given(st.integers(4, 7).flatmap(lambda g: st.tuples(st.integers(1, g), st.just(g))))
def test_chance_is_the_mean_over_every_order(sizes):
    relevant, gallery = sizes
    orders = all_orders(relevant, gallery)
    scored = measure_all(MEASURES, orders, np.full(len(orders), relevant)).mean(axis=0)
    expected = expect_all(MEASURES, np.array([relevant]), np.array([gallery]))[0]
    np.testing.assert_allclose(expected, scored)


def test_chance_of_a_large_gallery_is_that_of_shuffles():
    rng = np.random.default_rng(0)
    flags = np.arange(300) < 40
    shuffled = np.stack([rng.permutation(flags) for _ in range(4000)])
    scored = measure_all(MEASURES, shuffled, np.full(4000, 40))
    expected = expect_all(MEASURES, np.array([40]), np.array([300]))[0]
    error = scored.std(axis=0) / np.sqrt(4000)
    assert (abs(scored.mean(axis=0) - expected) < 4 * error).all()


def test_without_relevant_images_only_precision_has_a_chance():
    expected = expect_all(MEASURES, np.array([0]), np.array([9]))[0]
    is_precision = np.array([measure.name == "precision" for measure in MEASURES])
    assert (expected[is_precision] == 0).all()
    assert np.isnan(expected[~is_precision]).all()


def test_a_gallery_of_relevant_images_only_is_found_by_chance():
    expected = expect_all(MEASURES, np.array([9]), np.array([9]))[0]
    is_recall = np.array([measure.name == "recall" for measure in MEASURES])
    assert expected[~is_recall] == pytest.approx(1.0)
    assert expected[is_recall] == pytest.approx([1 / 9, 2 / 9, 4 / 9])
