import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from classify.trust.operating_points import (
    apply_operating_point,
    bag_operating_point,
    choose_operating_point,
)
from classify.trust.operating_rules import STANDARD_RULES, parse_rule


def specificity(truth, said):
    return recall_score(truth, said, pos_label=False)


def constrained(kept, wanted, least):
    return lambda t, s: wanted(t, s) if kept(t, s) >= least - 1e-12 else -1.0


def cost(truth, said):
    return -5 * np.sum(truth & ~said) - np.sum(~truth & said)


MERITS = {
    "balanced_accuracy": balanced_accuracy_score,
    "f1": f1_score,
    "accuracy": accuracy_score,
    "sensitivity>=0.95": constrained(recall_score, specificity, 0.95),
    "specificity>=0.9": constrained(specificity, recall_score, 0.9),
    "cost=5": cost,
}
cases = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=30).filter(
    lambda rows: len({positive for positive, _ in rows}) == 2
)


def test_every_standard_rule_has_its_brute_force():
    assert set(MERITS) == set(STANDARD_RULES)


@given(rows=cases, rule=st.sampled_from(sorted(MERITS)))
@settings(max_examples=200, deadline=None)
def test_no_other_threshold_does_better(rows, rule):
    positive, probs = np.array([p for p, _ in rows]), np.array([s for _, s in rows])
    chosen = choose_operating_point(positive, probs, rule)
    tried = [MERITS[rule](positive, probs >= t) for t in [*probs, 0.0, np.nextafter(1, 2)]]
    assert MERITS[rule](positive, probs >= chosen) == pytest.approx(max(tried))


def test_the_threshold_stands_in_the_middle_of_the_gap():
    positive = np.array([False, False, True, True])
    found = choose_operating_point(positive, np.array([0.1, 0.2, 0.6, 0.9]), "balanced_accuracy")
    assert found == pytest.approx(0.4)


def test_the_widest_of_equally_good_gaps_is_taken():
    probs = np.array([0.1, 0.2, 0.3, 0.9])
    positive = np.array([False, True, False, True])
    assert choose_operating_point(positive, probs, "balanced_accuracy") == pytest.approx(0.6)


def overlapping(seed, count=400):
    rng = np.random.default_rng(seed)
    positive = rng.random(count) < 0.7
    return positive, 1 / (1 + np.exp(-rng.normal(np.where(positive, 3.0, -3.0), 2.5)))


def test_bagging_moves_less_from_sample_to_sample():
    rule = "balanced_accuracy"
    plain = [choose_operating_point(*overlapping(seed), rule) for seed in range(25)]
    bagged = [
        bag_operating_point(*overlapping(seed), rule, resamples=100).threshold for seed in range(25)
    ]
    assert np.std(bagged) < 0.8 * np.std(plain)


def test_the_bag_is_seeded_and_says_its_spread():
    found = bag_operating_point(*overlapping(0), "f1", resamples=200, seed=4)
    assert found == bag_operating_point(*overlapping(0), "f1", resamples=200, seed=4)
    assert 0 <= found.low <= found.threshold <= found.high <= 1
    assert found.plain == choose_operating_point(*overlapping(0), "f1")


def test_the_bag_agrees_with_sorting_each_resample_anew():
    positive, probs = overlapping(1, 60)
    rng, found = np.random.default_rng(0), []
    for _ in range(50):
        rows = rng.integers(0, 60, 60)
        found.append(choose_operating_point(positive[rows], probs[rows], "balanced_accuracy"))
    bagged = bag_operating_point(positive, probs, "balanced_accuracy", resamples=50)
    assert bagged.threshold == pytest.approx(np.mean(found))


def test_a_demand_is_met_on_val_exactly():
    positive, probs = overlapping(2)
    found = bag_operating_point(positive, probs, "sensitivity>=0.95", resamples=50)
    assert found.threshold == found.plain
    assert (probs[positive] >= found.threshold).mean() >= 0.95


def test_patients_are_drawn_whole():
    positive, probs = overlapping(3, 40)
    alone = bag_operating_point(positive, probs, "f1", resamples=50)
    names = [f"{i:02d}" for i in range(40)]
    twice = bag_operating_point(
        np.tile(positive, 2), np.tile(probs, 2), "f1", groups=names * 2, resamples=50
    )
    assert twice == alone


def test_applying_it_says_yes_from_the_threshold_on():
    probs = np.array([[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]])
    assert apply_operating_point(probs, 0.4).tolist() == [0, 1, 1]
    assert apply_operating_point(probs, None).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("youden", "balanced_accuracy"),
        ("Sensitivity >= 0.95", "sensitivity>=0.95"),
        ("specificity>=.9", "specificity>=0.9"),
        ("cost=5.0", "cost=5"),
    ],
)
def test_rules_are_read_as_people_write_them(text, means):
    assert str(parse_rule(text)) == means


@pytest.mark.parametrize("text", ["luck", "sensitivity>=1.5", "cost=0", "f1>=0.9", "cost=", ""])
def test_other_words_are_refused(text):
    with pytest.raises(ValueError, match="rule must be one of balanced_accuracy"):
        parse_rule(text)


def test_one_class_has_no_threshold():
    with pytest.raises(ValueError, match="both classes"):
        choose_operating_point(np.array([True, True]), np.array([0.1, 0.2]), "f1")
