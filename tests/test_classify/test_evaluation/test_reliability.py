import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from classify.evaluation.reliability import (
    calibration_errors,
    confidence,
    equal_mass_bins,
    log_losses,
    reliability_bins,
    squared_errors,
)

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=200).map(np.array)


def calibration_error(scores, came_true):
    return np.abs(calibration_errors(scores, came_true).mean(axis=0)).sum()


def random_case(classes, count=300):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(classes), count)
    return rng.integers(0, classes, count), probs


@pytest.mark.parametrize("classes", [2, 5])
def test_brier_and_log_loss_are_sklearns(classes):
    target, probs = random_case(classes)
    said = probs[:, 1] if classes == 2 else probs
    assert squared_errors(target, probs).mean() == pytest.approx(sk.brier_score_loss(target, said))
    assert log_losses(target, probs).mean() == pytest.approx(sk.log_loss(target, probs))


def test_a_certain_mistake_costs_much_but_not_everything():
    assert np.isfinite(log_losses(np.array([0]), np.array([[0.0, 1.0]]))).all()


@given(probabilities)
@settings(max_examples=100, deadline=None)
def test_bins_hold_equal_probabilities_together_and_about_as_many_images(scores):
    bins = equal_mass_bins(scores)
    assert bins.max() < 15
    for value in np.unique(scores):
        assert len(set(bins[scores == value])) == 1
    assert np.all(np.diff(bins[np.argsort(scores, kind="stable")]) >= 0)
    if len(set(scores)) == len(scores):
        assert np.bincount(bins).max() <= np.ceil(len(scores) / 15) + 1


@given(probabilities, st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_order_does_not_matter_and_the_error_is_that_of_its_bins(scores, seed):
    rng = np.random.default_rng(seed)
    came_true = rng.random(len(scores)) < scores
    error = calibration_error(scores, came_true)
    shuffled = rng.permutation(len(scores))
    assert error == pytest.approx(calibration_error(scores[shuffled], came_true[shuffled]))
    bins = reliability_bins(scores, came_true)
    assert sum(b.n for b in bins) == len(scores)
    by_hand = sum(b.n * abs(b.predicted - b.observed) for b in bins) / len(scores)
    assert error == pytest.approx(by_hand)


def test_constant_probabilities_err_by_their_distance_from_the_share():
    came_true = np.arange(100) < 30
    assert calibration_error(np.full(100, 0.3), came_true) == pytest.approx(0.0)
    assert calibration_error(np.full(100, 0.9), came_true) == pytest.approx(0.6)


def test_two_classes_are_judged_by_the_positive_one_and_more_by_the_top():
    scores, came_true = confidence(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert (scores.tolist(), came_true.tolist()) == ([0.1, 0.8], [False, True])
    scores, came_true = confidence(np.array([2, 1]), np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]))
    assert (scores.tolist(), came_true.tolist()) == ([0.7, 0.6], [True, False])
