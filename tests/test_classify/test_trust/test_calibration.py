import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from classify.trust.calibration import (
    Calibration,
    _loss,
    fit_calibration,
    negative_log_likelihood,
)


def honest_case(*, count=20_000, classes=3):
    """Logits, and labels drawn from their softmax."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(count, classes)) * 2
    draws = rng.random((count, 1))
    target = (softmax(logits, axis=1).cumsum(axis=1) < draws).sum(axis=1)
    return logits, np.minimum(target, classes - 1)


@pytest.mark.parametrize("temperature", [0.001, 0.02, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("tilt", [(0.0, 0.0, 0.0), (1.0, -1.0, 0.0)])
def test_what_distorted_honest_logits_is_found(temperature, tilt):
    logits, target = honest_case()
    distorted = (logits + np.array(tilt)) * temperature
    found = fit_calibration(distorted, target)
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    np.testing.assert_allclose(found.bias, -np.array(tilt), atol=0.08)
    np.testing.assert_allclose(found.probabilities(distorted), softmax(logits, axis=1), atol=0.03)


def test_two_classes_are_logistic_regression_on_the_difference():
    logits, target = honest_case(count=2000, classes=2)
    found = fit_calibration(logits * 3 + np.array([0.0, 2.0]), target)
    difference = np.diff(logits * 3 + np.array([0.0, 2.0]), axis=1)
    fitted = LogisticRegression(C=1e6).fit(difference, target)
    assert 1 / found.temperature == pytest.approx(fitted.coef_[0, 0], rel=0.02)
    assert found.bias[1] - found.bias[0] == pytest.approx(fitted.intercept_[0], abs=0.02)


def test_no_neighbouring_calibration_is_likelier():
    logits, target = honest_case(count=5000)
    best = fit_calibration(logits * 2, target)
    least = negative_log_likelihood(best.scaled(logits * 2), target)
    rng = np.random.default_rng(1)
    for _ in range(20):
        other = Calibration(
            temperature=best.temperature * float(np.exp(rng.normal(0, 0.1))),
            bias=tuple(np.array(best.bias) + rng.normal(0, 0.1, 3)),
        )
        assert negative_log_likelihood(other.scaled(logits * 2), target) > least - 1e-5


def test_the_loss_is_sklearns():
    logits, target = honest_case(count=200)
    expected = log_loss(target, softmax(logits, axis=1), labels=[0, 1, 2])
    assert negative_log_likelihood(logits, target) == pytest.approx(expected)


def test_two_classes_keep_their_order_and_sum_to_one():
    logits = np.random.default_rng(1).normal(size=(50, 2)) * 5
    probs = Calibration(temperature=2.5, bias=(0.4, -0.4)).probabilities(logits)
    assert probs.dtype == np.float32
    order = np.argsort(logits[:, 1] - logits[:, 0])
    assert np.all(np.diff(probs[order, 1]) >= 0)
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-6)


def test_faultless_logits_and_absent_classes_stay_finite():
    logits = np.array([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0]] * 5)
    found = fit_calibration(logits, np.array([0, 1] * 5))
    assert 0.05 < found.temperature < 20
    assert np.isfinite(found.bias).all()
    assert found.bias[2] < 0.1


def test_vector_scaling_finds_a_scale_a_class():
    logits, target = honest_case()
    distorted = logits * np.array([1.0, 2.0, 0.7])
    found = fit_calibration(distorted, target, "vector")
    np.testing.assert_allclose(found.probabilities(distorted), softmax(logits, axis=1), atol=0.05)
    temperature = fit_calibration(distorted, target)
    assert negative_log_likelihood(found.scaled(distorted), target) < (
        negative_log_likelihood(temperature.scaled(distorted), target) - 0.01
    )


@pytest.mark.parametrize("method", ["temperature", "vector"])
def test_the_slope_is_that_of_the_loss(method):
    logits, target = honest_case(count=200)
    size = 4 if method == "temperature" else 7
    point = np.random.default_rng(2).normal(0, 0.3, size)
    arguments = (logits, np.eye(3)[target])
    assert (
        check_grad(lambda p: _loss(p, *arguments)[0], lambda p: _loss(p, *arguments)[1], point)
        < 1e-5
    )


def test_none_is_plain_softmax():
    logits, target = honest_case(count=50)
    found = fit_calibration(logits, target, "none")
    np.testing.assert_allclose(found.probabilities(logits), softmax(logits, axis=1), rtol=1e-5)
    with pytest.raises(ValueError, match="method must be one of temperature, vector, none"):
        fit_calibration(logits, target, "platt")
