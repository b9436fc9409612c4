"""What must hold for every text there is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.keyword import label_by_keywords
from reportgen.labeler.labeler import label_report
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.passages import find_passages, free_report
from reportgen.labeler.reference import read_reference
from reportgen.labeler.sentences import MAX_WORDS
from reportgen.labeler.tokens import tokenise

from .conftest import SENTENCES

TEXTS = [text for part in read_reference(SENTENCES).values() for text, _ in part]
WORDS = [word for text in TEXTS for word in text.split()]
UNRELATED = ("The trachea is midline.", "Hiatal hernia is noted.", "Tortuous aorta.", "Thank you.")
WORD_SALAD = st.lists(st.sampled_from([*WORDS, "\n", "\n\n", ".", ",", "?"]), max_size=40)


def _follows_history(text):
    """Return whether the report is on the line of its history: read where nothing else stands."""
    passages = find_passages(text, load_lexicon())
    return free_report(text, tokenise(text), passages) is not None


#: Texts that mean the same below another.
PARAGRAPHS = [text for text in TEXTS if not _follows_history(text)]


def _check_spans(text):
    for labeler in (label_report, label_by_keywords):
        labels = labeler(text)
        for mention in labels.mentions:
            assert 0 <= mention.start < mention.end <= len(text)
            assert text[mention.start : mention.end] == mention.text
            first, last = mention.sentence
            assert first <= mention.start
            assert mention.end <= last
        for label in labels.findings:
            assert all(labels.mentions[i].finding is label.finding for i in label.mentions)


@given(st.text(max_size=300))
@settings(deadline=None)
def test_any_text_is_labelled_and_spans_lie_within(text):
    _check_spans(text)


@given(WORD_SALAD.map(" ".join))
@settings(max_examples=200, deadline=None)
def test_any_order_of_report_words_is_labelled(text):
    _check_spans(text)


@given(st.sampled_from(TEXTS), st.sampled_from(UNRELATED), st.booleans())
@settings(max_examples=200, deadline=None)
def test_an_unrelated_sentence_changes_no_finding(text, unrelated, first):
    joined = f"{unrelated}\n\n{text}" if first else f"{text}\n\n{unrelated}"
    assert _said(joined) == _said(text)


@given(st.lists(st.sampled_from(PARAGRAPHS), min_size=2, max_size=4))
@settings(deadline=None)
def test_paragraphs_are_labelled_each_by_itself(texts):
    whole = label_report("\n\n".join(texts))
    alone = [label_report(text) for text in texts]
    for finding in Finding:
        if finding is Finding.no_finding:
            continue
        said = {labels.status(finding) for labels in alone} - {None}
        strongest = next((status for status in Status if status in said), None)
        assert whole.status(finding) is strongest


@given(
    st.sampled_from(["pneumothorax", "cardiomegaly", "consolidation", "atelectasis", "effusions"]),
    st.integers(0, 10_000),
)
@settings(deadline=None)
def test_one_typing_error_in_a_long_word_is_forgiven(word, seed):
    rng = random.Random(seed)
    place = rng.randrange(1, len(word) - 1)
    wrong = rng.choice([
        word[:place] + word[place + 1 :],
        word[:place] + word[place + 1] + word[place] + word[place + 2 :],
        word[:place] + rng.choice("aeiou") + word[place + 1 :],
    ])  # fmt: skip
    assert _said(f"No {wrong}.") == _said(f"No {word}.")


@pytest.mark.parametrize(
    "text", ["", " \n\t", "....", "?", "\x00", "肺炎 🫁\u202e", "FINDINGS:", "IMPRESSION:\n"]
)
def test_nothing_is_said_by_nothing(text):
    labels = label_report(text)
    assert labels.findings == []
    assert labels.mentions == []


def test_labels_do_not_depend_on_case():
    for text in TEXTS:
        if "\n" not in text and ":" not in text and ">" not in text:
            assert {f for f, _ in _said(text.lower())} == {f for f, _ in _said(text)}


def _said(text):
    return {(x.finding, (x.status, x.side)) for x in label_report(text).findings}


@pytest.mark.parametrize(
    "unit", ["no effusion and ", "both or ", "likely edema or ", "a", "? ", "FINDINGS: ", "\nA B:"]
)
def test_text_without_stops_is_cut_into_sentences(unit):
    text = unit * 1000
    longest = max((end - start for start, end in _sentences(text)), default=0)
    assert longest <= 2 * MAX_WORDS * len(unit)


def _sentences(text):
    return {mention.sentence for mention in label_report(text).mentions}
