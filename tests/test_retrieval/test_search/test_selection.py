import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.config import SearchConfig
from retrieval.encoders.base import normalize
from retrieval.search.selection import (
    Candidates,
    Seen,
    diversify,
    drop_repetitions,
    similar_enough,
)

NOTHING = Seen(digests=frozenset(), embeddings=np.zeros((0, 3), np.float32))


def candidates(embeddings, digests=None):
    embeddings = normalize(np.asarray(embeddings, np.float32))
    return Candidates(
        ids=[f"i{n}" for n in range(len(embeddings))],
        digests=digests or [f"d{n}" for n in range(len(embeddings))],
        similarities=np.linspace(0.9, 0.1, len(embeddings)).astype(np.float32),
        embeddings=embeddings,
    )


def test_copies_of_a_better_hit_and_of_the_query_are_left_out():
    found = candidates(np.eye(3)[[0, 1, 0, 2]], ["a", "b", "a", "q"])
    seen = Seen(digests=frozenset({"q"}), embeddings=NOTHING.embeddings)
    taken, left_out = drop_repetitions(found, seen, SearchConfig(dedup=True), enough=9)
    assert taken == [0, 1]
    assert [(one.id, one.like, one.why) for one in left_out] == [
        ("i2", "i0", "same pixels"),
        ("i3", "query", "same pixels"),
    ]


def test_near_duplicates_are_those_above_the_cosine():
    found = candidates([[1, 0, 0], [1, 0.1, 0], [1, 1, 0], [0, 0, 1]])
    for above, expected in ((0.99, [0, 2, 3]), (0.7, [0, 3]), (0.999, [0, 1, 2, 3])):
        config = SearchConfig(dedup_above=above)
        assert drop_repetitions(found, NOTHING, config, enough=9)[0] == expected
    seen = Seen(digests=frozenset(), embeddings=normalize(np.array([[1, 0, 0]], np.float32)))
    taken, left_out = drop_repetitions(found, seen, SearchConfig(dedup_above=0.99), enough=9)
    assert taken == [2, 3]
    assert [one.like for one in left_out] == ["query", "query"]
    assert left_out[1].similarity == pytest.approx(1 / np.sqrt(1.01))


def test_what_lies_past_the_last_hit_is_not_told():
    found = candidates(np.eye(3)[[0, 1, 0]], ["a", "b", "a"])
    taken, left_out = drop_repetitions(found, NOTHING, SearchConfig(dedup=True), enough=2)
    assert (taken, left_out) == ([0, 1], [])


def test_marginal_relevance_by_hand():
    embeddings = normalize(np.array([[1, 0], [1, 0.05], [0, 1]], np.float32))
    similarities = np.array([0.9, 0.89, 0.5], np.float32)
    assert diversify(similarities, embeddings, 3, 0.0) == [0, 1, 2]
    # 0.5 * 0.89 - 0.5 * 0.999 < 0.5 * 0.5 - 0
    assert diversify(similarities, embeddings, 3, 0.5) == [0, 2, 1]
    assert diversify(similarities, embeddings, 2, 1.0) == [0, 2]


@given(st.integers(1, 12), st.floats(0, 1), st.integers(0, 99))
def test_marginal_relevance_is_its_definition(top_k, diversity, seed):
    rng = np.random.default_rng(seed)
    embeddings = normalize(rng.normal(size=(12, 4)))
    similarities = np.sort(rng.uniform(-1, 1, 12))[::-1].astype(np.float32)
    chosen = [0]
    cosines = embeddings @ embeddings.T
    while len(chosen) < top_k:
        left = [i for i in range(12) if i not in chosen]
        value = [
            (1 - diversity) * similarities[i] - diversity * cosines[i, chosen].max() for i in left
        ]
        best = left[int(np.argmax(value))]
        chosen.append(best)
    found = diversify(similarities, embeddings, top_k, diversity)
    assert len(set(found)) == top_k
    assert found == chosen or diversity in (0.0, 1.0) or np.ptp(value) < 1e-5


def test_lowest_similarity_includes_itself():
    similarities = np.array([0.5, np.float32(0.3), 0.1], np.float32)
    assert similar_enough(similarities, 0.3) == 2
    assert similar_enough(similarities, None) == 3


@pytest.mark.parametrize(
    "wrong", [{"diversity": 1.1}, {"top_k": 0}, {"dedup_above": 2.0}, {"min_similarity": -2.0}]
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ValueError, match="must be"):
        SearchConfig(**wrong)
