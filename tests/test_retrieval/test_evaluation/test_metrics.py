import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score

from retrieval.evaluation import metrics
from retrieval.evaluation.metrics import (
    average_precision,
    precision_at_k,
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
