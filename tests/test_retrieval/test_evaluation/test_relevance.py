import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evaluation.relevance import Relevance

LABELS = st.lists(
    st.sets(st.sampled_from("abcd"), min_size=1).map(lambda s: "|".join(sorted(s))), min_size=2
)


@given(LABELS)
def test_images_are_relevant_when_they_share_a_label(labels):
    rows = np.arange(len(labels))
    sets = [set(label.split("|")) for label in labels]
    expected = [[bool(a & b) for b in sets] for a in sets]
    found = Relevance(labels).between(rows, np.tile(rows, (len(rows), 1)))
    np.testing.assert_array_equal(found, expected)


@given(LABELS)
def test_counts_add_up_what_is_relevant(labels):
    rows = np.arange(len(labels))
    relevance = Relevance(labels)
    expected = relevance.between(rows, np.tile(rows, (len(rows), 1))).sum(axis=1)
    np.testing.assert_array_equal(relevance.counts(rows, rows), expected)


def test_having_a_label():
    relevance = Relevance(["a|b", "b", "c"])
    assert relevance.labels == ("a", "b", "c")
    assert relevance.having("b").tolist() == [True, True, False]
