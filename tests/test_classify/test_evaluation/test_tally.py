import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from classify.evaluation.tally import (
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    count,
    decision_metrics,
)


@given(
    st.integers(2, 5).flatmap(
        lambda c: st.tuples(
            st.just(c),
            st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1),
        )
    )
)
@settings(max_examples=100, deadline=None)
def test_the_confusion_matrix_is_sklearns_and_metrics_stay_in_range(case):
    classes, rows = case
    target, predicted = np.array(rows).T
    expected = sk.confusion_matrix(target, predicted, labels=range(classes))
    assert confusion_matrix(target, predicted, classes).tolist() == expected.tolist()
    tally = count(target, predicted, classes)
    assert accuracy(tally)[0] == pytest.approx(np.mean(target == predicted))
    occurring = [np.mean(predicted[target == c] == c) for c in np.unique(target)]
    assert balanced_accuracy(tally)[0] == pytest.approx(np.mean(occurring))
    for values in decision_metrics(tally, None).values():
        assert values.shape == (classes + 1,)
        assert np.all(np.isnan(values) | ((values >= 0) & (values <= 1)))
