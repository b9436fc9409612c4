import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, ndcg_score

from retrieval.evaluation import metrics
from retrieval.evaluation.metrics import (
    average_precision,
    average_precision_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)


def test_examples_in_the_docstrings():
    assert doctest.testmod(metrics).failed == 0


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 12))), st.integers(1, 12))
def test_precision_counts_the_first_k(relevant, top_k):
    if top_k > relevant.shape[1]:
        with pytest.raises(ValueError, match="top_k must be 1 to"):
            precision_at_k(relevant, top_k)
        return
    expected = [sum(row[:top_k]) / top_k for row in relevant.tolist()]
    np.testing.assert_allclose(precision_at_k(relevant, top_k), expected)


@given(arrays(bool, st.integers(1, 40)).filter(lambda row: row.any()))
def test_average_precision_is_sklearns(relevant):
    falling = -np.arange(len(relevant), dtype=float)
    expected = average_precision_score(relevant, falling)
    np.testing.assert_allclose(average_precision(relevant[None])[0], expected)


def test_average_precision_without_relevant_images_is_nan():
    assert np.isnan(average_precision(np.zeros((1, 4), bool))[0])


def test_what_is_no_ranking_is_refused():
    with pytest.raises(ValueError, match=r"\(Q, K\)"):
        precision_at_k(np.ones(3, bool), 1)


@given(arrays(bool, st.integers(2, 40)).filter(lambda row: row.any()), st.integers(1, 40))
def test_ndcg_is_sklearns(relevant, top_k):
    top_k = min(top_k, len(relevant))
    falling = -np.arange(len(relevant), dtype=float)
    expected = ndcg_score(relevant[None].astype(float), falling[None], k=top_k)
    found = ndcg_at_k(relevant[None], np.array([relevant.sum()]), top_k)
    np.testing.assert_allclose(found[0], expected)


def test_one_ranking_worked_out_by_hand():
    """Hits: no, yes, no, yes, no; 3 relevant in all, one beyond the list."""
    hits, total = np.array([[False, True, False, True, False]]), np.array([3])
    assert precision_at_k(hits, 5)[0] == pytest.approx(2 / 5)
    assert recall_at_k(hits, total, 5)[0] == pytest.approx(2 / 3)
    assert recall_at_k(hits, total, 2)[0] == pytest.approx(1 / 3)
    assert average_precision_at_k(hits, total, 4)[0] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert average_precision_at_k(hits, total, 2)[0] == pytest.approx((1 / 2) / 2)
    assert reciprocal_rank(hits)[0] == pytest.approx(1 / 2)
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    found = (1 / np.log2(3) + 1 / np.log2(5)) / best
    assert ndcg_at_k(hits, total, 4)[0] == pytest.approx(found)


def test_queries_without_relevant_images_have_no_value_but_precision():
    hits, total = np.zeros((1, 4), bool), np.array([0])
    assert precision_at_k(hits, 2)[0] == 0
    values = [
        recall_at_k(hits, total, 2), ndcg_at_k(hits, total, 2), reciprocal_rank(hits),
        average_precision_at_k(hits, total, 2),
    ]  # fmt: skip
    assert np.isnan(values).all()
