import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from classify.trust.conformal import ConformalSets, fit_conformal, measure_conformal
from medx.core.bootstrap import Bootstrap


def draw(seed, count, *, shares=(0.2, 0.8), sharpness=2.0):
    """Exchangeable images: probabilities that are neither calibrated nor good."""
    rng = np.random.default_rng(seed)
    target = rng.choice(len(shares), count, p=shares)
    logits = rng.normal(size=(count, len(shares))) + sharpness * np.eye(len(shares))[target]
    return softmax(logits * 1.7, axis=1), target


def coverages(level, count, *, by_class, **how):
    held = []
    for seed in range(150):
        conformal = fit_conformal(*draw(2 * seed, count, **how), level, by_class=by_class)
        probs, target = draw(2 * seed + 1, 200, **how)
        held.append(conformal.sets(probs)[np.arange(200), target].mean())
    return np.array(held)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("by_class", [False, True])
def test_exchangeable_images_are_covered_as_promised(level, by_class):
    held = coverages(level, 60, by_class=by_class, shares=(0.5, 0.5))
    assert held.mean() >= level - 3 * held.std() / np.sqrt(len(held))
    assert held.mean() <= level + 0.05


def test_each_class_is_covered_when_asked_by_class():
    conformal = fit_conformal(*draw(0, 4000), 0.9, by_class=True)
    together = fit_conformal(*draw(0, 4000), 0.9, by_class=False)
    probs, target = draw(1, 20_000)
    rare = target == 0
    assert conformal.sets(probs)[rare, 0].mean() == pytest.approx(0.9, abs=0.03)
    assert conformal.sets(probs)[~rare, 1].mean() == pytest.approx(0.9, abs=0.03)
    assert together.sets(probs)[np.arange(20_000), target].mean() == pytest.approx(0.9, abs=0.02)


def test_another_mix_of_classes_keeps_the_promise_by_class():
    conformal = fit_conformal(*draw(0, 4000), 0.9, by_class=True)
    probs, target = draw(1, 20_000, shares=(0.8, 0.2))
    assert conformal.sets(probs)[np.arange(20_000), target].mean() == pytest.approx(0.9, abs=0.03)


def test_the_threshold_is_the_order_statistic_by_hand():
    truth = np.array([0.9, 0.2, 0.7, 0.6, 0.8, 0.5, 0.4, 0.3, 0.1])
    probs = np.stack([truth, 1 - truth], axis=1)
    found = fit_conformal(probs, np.zeros(9, int), 0.8, by_class=False)
    # ceil((9 + 1) * 0.8) = 8 of the 9 must reach it.
    assert found.thresholds == (0.2, 0.2)


def test_too_few_images_of_a_class_leave_it_always_in():
    probs, target = np.array([[0.9, 0.1]] * 30 + [[0.4, 0.6]] * 5), np.array([0] * 30 + [1] * 5)
    found = fit_conformal(probs, target, 0.95)
    assert found.thresholds[1] == 0.0
    assert found.sets(np.array([[1.0, 0.0]])).tolist() == [[True, True]]


@given(level=st.floats(0.05, 0.95), seed=st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_val_itself_is_always_covered(level, seed):
    probs, target = draw(seed, 40, shares=(0.3, 0.3, 0.4))
    sets = fit_conformal(probs, target, level).sets(probs)
    for c in set(target.tolist()):
        assert sets[target == c, c].mean() >= level - 1e-9


def test_what_was_reached_is_counted():
    probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    found = measure_conformal(
        ConformalSets(level=0.9, thresholds=(0.4, 0.6)),
        probs,
        np.array([0, 0, 1, 1]),
        ("a", "b"),
        Bootstrap(),
        calibrated_on=7,
    )
    assert found.coverage.estimate == 0.75
    assert found.class_coverage["b"].estimate == 0.5
    assert found.sizes == [0, 4, 0]
    assert found.mean_size == 1.0
    assert found.coverage.low == pytest.approx(0.194, abs=1e-3)  # exact binomial, 3 of 4


def test_levels_are_checked():
    with pytest.raises(ValueError, match="level must be > 0 and < 1"):
        fit_conformal(np.ones((2, 2)), np.array([0, 1]), 1.0)
