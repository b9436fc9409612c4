from hypothesis import given
from hypothesis import strategies as st

from retrieval.encoders.vocabulary import MAX_TOKENS, Vocabulary, split_words

WORDS = Vocabulary.from_texts(["Left pleural effusion", "opacity of the lung", "reflux"])


def test_words_are_lower_case_without_punctuation():
    assert split_words("PA view: X-ray, 2 nodules.") == ["pa", "view", "x", "ray", "2", "nodules"]


def test_ids_count_from_one_and_pad_with_zero():
    ids = WORDS.encode(["left effusion zebra", "lung"])
    assert ids.shape == (2, 2)
    assert ids[1, 1] == 0
    assert [WORDS.words[i - 1] for i in ids[0]] == ["left", "effusion"]


def test_plurals_are_known_by_their_singular():
    assert WORDS.unknown("effusions opacities refluxes lungs") == ((), False)


def test_filler_alone_is_knowing_nothing():
    assert WORDS.unknown("of the") == ((), True)
    assert WORDS.unknown("cavity of the lung") == (("cavity",), False)


@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_encodes(texts):
    ids = WORDS.encode(texts)
    assert ids.shape[0] == len(texts)
    assert 1 <= ids.shape[1] <= MAX_TOKENS
    assert ((ids >= 0) & (ids < len(WORDS))).all()
