import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from classify.calibration import calibrate, fit_temperature, negative_log_likelihood


def honest_case(temperature, *, count=20_000, classes=3):
    """Labels drawn from the softmax of logits, which are then sharpened."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(count, classes)) * 2
    probs = calibrate(logits, 1.0).astype(float)
    draws = rng.random((count, 1))
    target = np.minimum((probs.cumsum(axis=1) < draws).sum(axis=1), classes - 1)
    return logits * temperature, target


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_sharpened_the_logits_is_found(temperature):
    logits, target = honest_case(temperature)
    assert fit_temperature(logits, target) == pytest.approx(temperature, rel=0.05)


def test_no_neighbouring_temperature_is_likelier():
    logits, target = honest_case(2.0, count=500)
    best = fit_temperature(logits, target)
    losses = [negative_log_likelihood(logits / t, target) for t in (best, best * 0.97, best * 1.03)]
    assert losses[0] <= min(losses[1:])


def test_the_loss_is_sklearns():
    logits, target = honest_case(1.0, count=200)
    expected = log_loss(target, softmax(logits, axis=1), labels=[0, 1, 2])
    assert negative_log_likelihood(logits, target) == pytest.approx(expected)


def test_calibration_keeps_the_order_and_sums_to_one():
    logits = np.random.default_rng(1).normal(size=(50, 4)) * 5
    probs = calibrate(logits, 2.5)
    assert (probs.argmax(axis=1) == logits.argmax(axis=1)).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-6)


def test_faultless_logits_get_a_finite_temperature():
    logits = np.array([[9.0, 0.0], [0.0, 9.0]])
    assert 0.05 < fit_temperature(logits, np.array([0, 1])) < 20
