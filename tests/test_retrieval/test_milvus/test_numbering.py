from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.milvus.numbering import Numbering, joined

PLACES = st.lists(st.integers(0, 40), unique=True, max_size=30)


@given(places=PLACES)
def test_rows_and_places_lead_to_each_other(places):
    numbering = Numbering.of_places(np.array(places, np.int64))
    assert len(numbering) == len(places)
    assert numbering.places().tolist() == places
    expected = [places.index(place) if place in places else -1 for place in range(42)]
    assert numbering.rows(np.arange(42)).tolist() == expected


@given(end=st.integers(0, 40), gone=st.sets(st.integers(0, 39)))
def test_gaps_are_left_out(end, gone):
    gaps = joined((place, place + 1) for place in gone if place < end)
    numbering = Numbering.up_to(end, gaps)
    assert numbering.places().tolist() == [place for place in range(end) if place not in gone]


@given(places=st.sets(st.integers(0, 40)))
def test_joined_ranges_are_as_few_as_can_be(places):
    ranges = joined((place, place + 1) for place in places)
    assert {place for begin, end in ranges for place in range(begin, end)} == places
    assert all(a[1] < b[0] for a, b in pairwise(ranges))


def test_there_is_no_row_past_the_last():
    with pytest.raises(IndexError, match="below 3, got 1 to 3"):
        Numbering([(5, 8)]).places(np.array([1, 3]))
