import numpy as np
import pytest

from medx.core.values import Hit
from retrieval.config import SearchConfig
from retrieval.search.query import like
from retrieval.search.search import search
from retrieval.search.vote import TEMPERATURE, count_vote
from retrieval.search.vote_check import calibration_error, check_vote, measure_vote


def hits(*pairs):
    return [
        Hit(rank=i, id=f"i{i}", similarity=similarity, label=label)
        for i, (similarity, label) in enumerate(pairs, start=1)
    ]


def test_votes_weigh_by_similarity():
    vote = count_vote(hits((0.9, "a"), (0.9 - TEMPERATURE, "b"), (0.9 - TEMPERATURE, "b")))
    assert vote.label == "a"
    assert vote.share == pytest.approx(1 / (1 + 2 / np.e))
    assert [(s.label, s.hits) for s in vote.shares] == [("a", 1), ("b", 2)]
    assert sum(s.share for s in vote.shares) == pytest.approx(1)
    assert "not measured" in vote.note
    assert vote.check is None


def test_each_of_several_labels_has_the_whole_weight():
    vote = count_vote(hits((0.5, "a|b"), (0.5, "b")))
    assert {s.label: s.share for s in vote.shares} == pytest.approx({"a": 0.5, "b": 1.0})


def test_own_copies_and_unlabelled_hits_do_not_vote():
    vote = count_vote(hits((1.0, "a"), (0.5, "b"), (0.4, None)), not_counted=["i1"])
    assert (vote.label, vote.voters, vote.unlabelled, vote.not_counted) == ("b", 1, 1, ("i1",))


def test_nobody_votes():
    vote = count_vote(hits((0.4, None)))
    assert (vote.label, vote.share, vote.shares) == (None, None, ())
    assert count_vote([]).voters == 0


def test_prevalence_stands_beside_the_share():
    vote = count_vote(hits((0.4, "a")), prevalence={"a": 0.7, "b": 0.3})
    assert vote.shares[0].prevalence == 0.7


def test_calibration_error_by_hand():
    shares = np.array([0.95, 0.95, 0.55, 1.0])
    right = np.array([1.0, 0.0, 1.0, 1.0])
    # bin 0.9-1: 3 queries, mean share .9667, right .6667; bin 0.5-0.6: share .55, right 1
    expected = 3 / 4 * abs(2.9 / 3 - 2 / 3) + 1 / 4 * 0.45
    assert calibration_error(shares, right) == pytest.approx(expected)


def test_vote_is_measured_on_val_against_train(toy_index):
    check = measure_vote(toy_index, top_k=5)
    assert (check.split, check.gallery_split, check.n) == ("val", "train", 60)
    assert check.accuracy.estimate == 1.0
    assert check.chance == pytest.approx(2 / 3)
    assert sum(row.n for row in check.bins) == 60


def test_a_check_says_that_it_leaves_nothing_out(toy_index, toy):
    notes = []
    for options in ({}, {"dedup": True}, {"diversity": 0.5}, {"min_similarity": 0.0}):
        config = SearchConfig(top_k=3, vote=True, **options)
        answer = search(toy_index, lambda: toy, like("test-normal-001"), config)
        notes.append(check_vote(toy_index, answer).result.vote.note)
    assert ["none left out" in note for note in notes] == [False, True, True, True]
