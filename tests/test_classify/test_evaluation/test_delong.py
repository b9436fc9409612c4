import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from classify.evaluation.delong import delong, delong_difference, delong_interval


def brute_force(positive, scores):
    """AUROCs and covariance from every pair of a positive and a negative (DeLong 1988)."""
    ones, zeros = scores[:, positive], scores[:, ~positive]
    wins = (ones[:, :, None] > zeros[:, None, :]) + 0.5 * (ones[:, :, None] == zeros[:, None, :])
    above, below = wins.mean(axis=2), wins.mean(axis=1)
    covariance = np.cov(above) / above.shape[1] + np.cov(below) / below.shape[1]
    return wins.mean(axis=(1, 2)), np.atleast_2d(covariance)


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(2, 40), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_the_fast_form_is_the_one_over_all_pairs(seed, ones, zeros, count):
    rng = np.random.default_rng(seed)
    positive = rng.permutation(np.repeat([True, False], [ones, zeros]))
    scores = np.round(rng.normal(size=(count, ones + zeros)) + positive, 1)  # with ties
    areas, covariance = delong(positive, scores)
    expected_areas, expected = brute_force(positive, scores)
    assert areas == pytest.approx(expected_areas)
    assert covariance == pytest.approx(expected)
    assert areas[0] == pytest.approx(roc_auc_score(positive, scores[0]))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng, true, held = np.random.default_rng(0), norm.cdf(1 / np.sqrt(2)), 0
    positive = np.repeat([True, False], [40, 60])
    for _ in range(400):
        interval = delong_interval(positive, rng.normal(size=100) + positive)
        held += interval.low <= true <= interval.high
    assert 0.91 <= held / 400 <= 0.98


def test_a_difference_needs_no_third_party_and_turns_with_the_order():
    rng = np.random.default_rng(1)
    positive = rng.random(200) < 0.4
    good, bad = rng.normal(size=200) + 2 * positive, rng.normal(size=200) + 0.2 * positive
    forth, p = delong_difference(positive, bad, good)
    back, same = delong_difference(positive, good, bad)
    assert p == pytest.approx(same)
    assert p < 1e-6
    assert forth.estimate == pytest.approx(-back.estimate)
    assert forth.low == pytest.approx(-back.high)
    assert forth.method == "DeLong"


def test_a_classifier_does_not_differ_from_itself():
    positive = np.array([True, True, False, False, True])
    scores = np.array([0.1, 0.9, 0.3, 0.2, 0.8])
    interval, p = delong_difference(positive, scores, scores**3)
    assert (interval.estimate, p) == (0.0, 1.0)


def test_one_of_a_side_says_nothing_of_the_variance():
    positive = np.array([True, False, False])
    assert delong_interval(positive, np.array([0.3, 0.1, 0.2])) is None
    assert delong_difference(positive, np.zeros(3), np.ones(3)) is None
    with pytest.raises(ValueError, match="two of each side, got 1 and 2"):
        delong(positive, np.zeros((1, 3)))
