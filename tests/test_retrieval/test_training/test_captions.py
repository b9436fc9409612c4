import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medx.datasets.phantoms.cxr import FINDINGS
from retrieval.encoders.vocabulary import split_words
from retrieval.training.captions import (
    FINDING_WORDS,
    Facts,
    all_words,
    finding_of,
    match,
    write_text,
)

facts = st.builds(
    Facts,
    finding=st.sampled_from(list(FINDING_WORDS)),
    side=st.sampled_from(["", "left", "right", "bilateral"]),
    zone=st.sampled_from(["", "upper", "mid", "lower"]),
    size=st.sampled_from(["", "small", "large"]),
)


def test_every_phantom_finding_has_words():
    assert set(FINDING_WORDS) == {"normal", *FINDINGS}
    assert finding_of("pneumonia") == "consolidation"


@given(facts, st.integers(0, 2**31))
def test_a_text_is_true_of_its_own_image(truth, seed):
    text, claim = write_text(truth, np.random.default_rng(seed))
    true, undecided = match([claim], [truth])
    assert true.all()
    assert not undecided.any()
    assert not claim.side or claim.side in text or claim.side == "bilateral"


def test_claims_are_true_false_or_undecided():
    left = Facts(finding="nodule", side="left")
    claims = [Facts(finding="nodule"), left, Facts(finding="normal")]
    truths = [left, Facts(finding="nodule", side="right"), Facts(finding="nodule")]
    true, undecided = match(claims, truths)
    assert true.tolist() == [[True, True, True], [True, False, False], [False] * 3]
    assert undecided.tolist() == [[False] * 3, [False, False, True], [False] * 3]


@given(facts, st.integers(0, 2**31))
def test_the_vocabulary_holds_every_word_written(truth, seed):
    text, _ = write_text(truth, np.random.default_rng(seed))
    assert set(split_words(text)) <= all_words()
