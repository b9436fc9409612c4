"""Tokens without torch or transformers, beside open_clip's own."""

import json

import numpy as np
import open_clip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.encoders.runtimes.clip_tokenizer import clip_tokenizer_json
from retrieval.encoders.runtimes.text_steps import TextSteps, open_tokenizer

TEXTS = [
    "normal chest radiograph",
    "Pleural effusion, it's LARGE: 12.5 mm!",
    "  tabs\t and\nlines ",
    "",
    "caf\u00e9 na\u00efve \u2014 \u201cquoted\u201d",
    "a &amp;amp; b &lt; c",
    "\u80ba\u708e \U0001f600",
    "consolidation " * 300,
]
#: What people type, and what ftfy mends.
CHARACTERS = st.text(
    st.one_of(
        st.characters(min_codepoint=32, max_codepoint=126),
        st.sampled_from("\t\n\r\xa0\xe9\xb5\u2013\u2019\u201c\u03bc\u2265\u00c3\u00a9&;\ufb01"),
    ),
    max_size=40,
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """CLIP's own tokenizer, and ours from its vocabulary."""
    theirs = open_clip.SimpleTokenizer()
    path = tmp_path_factory.mktemp("clip") / "tokenizer.json"
    path.write_text(clip_tokenizer_json(theirs), encoding="utf-8")
    steps = TextSteps(context_length=77, pad_id=0, clean="lower", trims=False)
    return theirs, steps, open_tokenizer(path, steps)


@settings(max_examples=200, deadline=None)
@given(CHARACTERS)
def test_texts_are_cleaned_as_open_clip_does(text):
    for clean in ("whitespace", "lower"):
        steps = TextSteps(context_length=8, pad_id=0, clean=clean, trims=True)
        assert steps.cleaned(text) == open_clip.tokenizer.get_clean_fn(clean)(text)


@settings(max_examples=60, deadline=None)
@given(CHARACTERS)
def test_clips_tokens_are_open_clips(clip, text):
    theirs, steps, tokenizer = clip
    np.testing.assert_array_equal(steps.encode(tokenizer, [text]), theirs([text]).numpy())


def test_clips_long_and_foreign_texts(clip):
    theirs, steps, tokenizer = clip
    np.testing.assert_array_equal(steps.encode(tokenizer, TEXTS), theirs(TEXTS).numpy())


def test_berts_tokens_are_open_clips_without_the_padding(original, exported):
    steps = TextSteps(**json.loads((exported / "export.json").read_text())["text_steps"])
    tokenizer = open_tokenizer(exported / "tokenizer.json", steps)
    theirs = original._tokenizer(TEXTS).numpy()
    for texts, rows in ([TEXTS, theirs], [TEXTS[:2], theirs[:2]]):
        ours = steps.encode(tokenizer, texts)
        np.testing.assert_array_equal(ours, rows[:, : ours.shape[1]])
        assert not rows[:, ours.shape[1] :].any()
    assert steps.encode(tokenizer, TEXTS[:1]).shape == (1, 8)
