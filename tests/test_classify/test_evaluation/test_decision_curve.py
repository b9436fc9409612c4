import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.evaluation.decision_curve import decision_curve, net_benefits, treat_all
from medx.core.bootstrap import Bootstrap

thresholds = st.floats(0.01, 0.99)


@given(st.lists(st.booleans(), min_size=1), thresholds)
def test_acting_on_all_has_a_closed_form_and_on_none_is_nothing(truth, threshold):
    positive = np.array(truth)
    everyone = net_benefits(positive, np.ones(len(truth)), threshold).mean()
    assert everyone == pytest.approx(treat_all(positive.mean(), threshold))
    assert net_benefits(positive, np.zeros(len(truth)), threshold).sum() == 0


@given(st.lists(st.booleans(), min_size=1), thresholds)
def test_knowing_the_truth_gains_the_prevalence(truth, threshold):
    positive = np.array(truth)
    assert net_benefits(positive, positive.astype(float), threshold).mean() == positive.mean()


def test_a_worked_case():
    positive = np.array([True, True, False, False, False])
    probs = np.array([0.9, 0.3, 0.5, 0.1, 0.2])
    # At 0.25: two hits, one false alarm that costs a third of a hit.
    assert net_benefits(positive, probs, 0.25).mean() == pytest.approx((2 - 1 / 3) / 5)


def test_the_curve_states_intervals_that_hold_its_values():
    rng = np.random.default_rng(0)
    positive = rng.random(120) < 0.4
    probs = np.clip(0.5 * positive + rng.random(120) * 0.5, 0, 1)
    curve = decision_curve(positive, probs, Bootstrap(resamples=100))
    assert [benefit.threshold for benefit in curve] == pytest.approx(np.arange(5, 100, 5) / 100)
    assert all(b.model.low <= b.model.estimate <= b.model.high for b in curve)
    assert curve[0].treat_all == pytest.approx(treat_all(positive.mean(), 0.05))
