import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from classify.trust.abstention import (
    certainty,
    measure_abstention,
    risk_coverage,
    save_risk_coverage,
)
from medx.core.bootstrap import Bootstrap


def test_the_curve_by_hand():
    right = np.array([True, False, True, True])
    assert risk_coverage(right, np.array([0.9, 0.8, 0.7, 0.6])).tolist() == pytest.approx(
        [0, 1 / 2, 1 / 3, 1 / 4]
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=20), st.randoms())
@settings(max_examples=80, deadline=None)
def test_equal_certainty_counts_alike_in_any_order(rows, random):
    shuffled = random.sample(rows, len(rows))
    curves = [
        risk_coverage(np.array([r for r, _ in part]), np.array([s for _, s in part]))
        for part in (rows, shuffled)
    ]
    np.testing.assert_allclose(*curves)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40))
@settings(max_examples=80, deadline=None)
def test_no_certainty_beats_the_best_and_a_constant_is_chance(rows):
    right, sure = np.array([r for r, _ in rows]), np.array([s for _, s in rows])
    found = measure_abstention(right, sure, Bootstrap())
    assert found.aurc >= found.aurc_best - 1e-12
    perfect = measure_abstention(right, right.astype(float), Bootstrap())
    assert perfect.aurc == pytest.approx(perfect.aurc_best)
    constant = measure_abstention(right, np.zeros(len(right)), Bootstrap())
    assert constant.aurc == pytest.approx(constant.aurc_chance)


def test_selective_accuracy_is_that_of_the_surest():
    right = np.array([True] * 16 + [False] * 4)
    found = measure_abstention(right, -np.arange(20.0), Bootstrap())
    assert [s.n for s in found.selective] == [16, 18, 19]
    assert found.selective[0].accuracy.estimate == 1.0
    assert found.selective[1].accuracy.estimate == pytest.approx(16 / 18)


def test_equally_sure_images_are_not_chosen_by_their_order():
    right = np.arange(1000) < 500
    found = measure_abstention(right, np.ones(1000), Bootstrap(resamples=10)).selective
    assert [part.accuracy.estimate for part in found] == pytest.approx([0.5] * 3, abs=0.03)


def test_certainty_is_distance_from_the_operating_point():
    probs = np.array([[0.8, 0.2], [0.7, 0.3], [0.5, 0.5], [0.0, 1.0]])
    sure = certainty(probs, 0.2)
    assert np.argsort(sure).tolist() == [0, 1, 2, 3]
    assert sure[0] == pytest.approx(0.0)
    assert np.isfinite(sure).all()
    assert certainty(probs, None).tolist() == [0.8, 0.7, 0.5, 1.0]


def test_the_curve_is_drawn(tmp_path):
    path = save_risk_coverage(np.array([True, False, True]), np.arange(3.0), tmp_path / "c.png")
    with Image.open(path) as picture:
        assert picture.width > 300
