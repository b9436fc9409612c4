import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classify.trust.label_shift import estimate_bbse, estimate_em, estimate_label_shift
from medx.core.errors import InputError

CLASSES = ("a", "b", "c")
VAL = (0.5, 0.3, 0.2)


def draw(seed, count, shares):
    """Images of one Gaussian a class, with the exact posterior under the mix of val."""
    rng = np.random.default_rng(seed)
    target = rng.choice(3, count, p=shares)
    centres = np.array([-1.5, 0.0, 1.5])
    values = rng.normal(centres[target], 0.8)
    likelihood = np.exp(-((values[:, None] - centres) ** 2) / (2 * 0.8**2)) * np.array(VAL)
    return likelihood / likelihood.sum(axis=1, keepdims=True), target


@pytest.mark.parametrize("method", ["em", "bbse"])
@pytest.mark.parametrize("shares", [(0.1, 0.2, 0.7), (0.5, 0.3, 0.2), (0.05, 0.9, 0.05)])
def test_the_mix_that_images_were_drawn_from_is_recovered(method, shares):
    val_probs, val_target = draw(0, 5000, VAL)
    probs, target = draw(1, 5000, shares)
    found = estimate_label_shift(
        method, CLASSES, val_probs=val_probs, val_target=val_target, probs=probs
    )
    assert list(found.estimated_prior.values()) == pytest.approx(shares, abs=0.04)
    better = (found.adjust(probs).argmax(axis=1) == target).mean()
    assert better >= (probs.argmax(axis=1) == target).mean() - 0.002


def test_bbse_solves_the_confusion_by_hand():
    # On val: P(says 1 | is 1) = 0.8, P(says 1 | is 0) = 0.2, half of each.
    val_target = np.repeat([0, 1], 10)
    val_predicted = np.array([0] * 8 + [1] * 2 + [1] * 8 + [0] * 2)
    predicted = np.array([1] * 62 + [0] * 38)  # 0.62 = 0.2 + 0.6 q gives q = 0.7
    found = estimate_bbse(val_predicted, val_target, predicted, np.array([0.5, 0.5]))
    assert found == pytest.approx([0.3, 0.7])


def test_em_solves_its_fixed_point():
    probs, _ = draw(2, 500, (0.2, 0.2, 0.6))
    prior = np.array(VAL)
    found = estimate_em(probs, prior)
    weighted = probs * found / prior
    again = (weighted / weighted.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(again, found, atol=1e-5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_em_always_gives_a_distribution(values):
    probs = np.stack([np.array(values), 1 - np.array(values)], axis=1)
    found = estimate_em(probs, np.array([0.3, 0.7]))
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()


def test_a_model_that_never_says_a_class_is_refused():
    with pytest.raises(InputError, match="hardly ever predicted"):
        estimate_bbse(np.zeros(6, int), np.array([0, 1] * 3), np.zeros(4, int), np.array([0.5] * 2))


def test_val_must_hold_each_class():
    probs, _ = draw(0, 10, VAL)
    with pytest.raises(InputError, match="no image of c"):
        estimate_label_shift(
            "em", CLASSES, val_probs=probs, val_target=np.array([0, 1] * 5), probs=probs
        )
