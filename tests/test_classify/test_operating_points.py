import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from classify.operating_points import apply_operating_point, choose_operating_point

SKLEARN = {"balanced_accuracy": balanced_accuracy_score, "f1": f1_score}

cases = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=30).filter(
    lambda rows: len({positive for positive, _ in rows}) == 2
)


@given(rows=cases, rule=st.sampled_from(sorted(SKLEARN)))
@settings(max_examples=150, deadline=None)
def test_no_other_threshold_does_better(rows, rule):
    positive, probs = np.array([p for p, _ in rows]), np.array([s for _, s in rows])
    chosen = choose_operating_point(positive, probs, rule)
    tried = [SKLEARN[rule](positive, probs >= t) for t in [*probs, 0.0, np.nextafter(1, 2)]]
    assert SKLEARN[rule](positive, probs >= chosen) == pytest.approx(max(tried))


def test_the_threshold_stands_in_the_middle_of_the_gap():
    positive = np.array([False, False, True, True])
    found = choose_operating_point(positive, np.array([0.1, 0.2, 0.6, 0.9]), "balanced_accuracy")
    assert found == pytest.approx(0.4)


def test_the_widest_of_equally_good_gaps_is_taken():
    probs = np.array([0.1, 0.2, 0.3, 0.9])
    positive = np.array([False, True, False, True])
    assert choose_operating_point(positive, probs, "balanced_accuracy") == pytest.approx(0.6)


def test_applying_it_says_yes_from_the_threshold_on():
    probs = np.array([[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]])
    assert apply_operating_point(probs, 0.4).tolist() == [0, 1, 1]
    assert apply_operating_point(probs, None).tolist() == [0, 0, 1]


def test_rules_and_truth_are_checked():
    both = np.array([True, False])
    with pytest.raises(ValueError, match="rule must be one of balanced_accuracy, f1"):
        choose_operating_point(both, np.array([0.1, 0.2]), "luck")
    with pytest.raises(ValueError, match="both classes"):
        choose_operating_point(np.array([True, True]), np.array([0.1, 0.2]), "f1")
