import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from classify.evaluation.ranking import (
    Ranking,
    auprc,
    auroc,
    macro_auroc,
    precision_recall_curve,
    roc_curve,
)

both_sides = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 0.4, 0.5, 0.9])), min_size=2
).filter(lambda rows: len({positive for positive, _ in rows}) == 2)


@given(both_sides)
@settings(max_examples=100, deadline=None)
def test_areas_with_ties_are_sklearns(rows):
    positive, scores = np.array([p for p, _ in rows]), np.array([s for _, s in rows])
    assert auroc(positive, scores) == pytest.approx(sk.roc_auc_score(positive, scores))
    assert auroc(positive, np.exp(5 * scores)) == pytest.approx(auroc(positive, scores))
    assert auroc(positive, -scores) == pytest.approx(1 - auroc(positive, scores))
    assert auprc(positive, scores) == pytest.approx(sk.average_precision_score(positive, scores))


@given(both_sides, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_counting_a_resample_is_sorting_it_again(rows, seed):
    positive, scores = np.array([p for p, _ in rows]), np.array([s for _, s in rows])
    drawn = np.random.default_rng(seed).integers(0, len(rows), len(rows))
    weights = np.bincount(drawn, minlength=len(rows)).astype(np.float32)[None]
    found = [area[0] for area in Ranking(positive, scores).areas(weights)]
    expected = [area(positive[drawn], scores[drawn]) for area in (auroc, auprc)]
    assert found == pytest.approx(expected, nan_ok=True)


def test_curves_enclose_the_areas_sklearn_finds():
    rng = np.random.default_rng(0)
    positive = rng.random(200) < 0.4
    scores = np.round(rng.normal(size=200) + positive, 1)  # with ties
    fall_out, hits = roc_curve(positive, scores)
    assert (fall_out[0], hits[0], fall_out[-1], hits[-1]) == (0, 0, 1, 1)
    assert sk.auc(fall_out, hits) == pytest.approx(sk.roc_auc_score(positive, scores))
    recall, precision = precision_recall_curve(positive, scores)
    area = np.sum(np.diff(recall, prepend=0) * precision)
    assert area == pytest.approx(sk.average_precision_score(positive, scores))


def test_many_classes_are_averaged_and_what_is_undefined_is_left_out():
    rng = np.random.default_rng(1)
    target, probs = np.repeat([0, 1, 2], 20), rng.dirichlet([1, 1, 1], 60)
    expected = sk.roc_auc_score(target, probs, multi_class="ovr")
    assert macro_auroc(target, probs) == pytest.approx(expected)
    two = macro_auroc(target[:40], probs[:40])
    each = [sk.roc_auc_score(target[:40] == c, probs[:40, c]) for c in (0, 1)]
    assert two == pytest.approx(np.mean(each))
    assert np.isnan(macro_auroc(np.zeros(5, int), probs[:5]))
    assert np.isnan(auroc(np.zeros(0, bool), np.zeros(0)))
