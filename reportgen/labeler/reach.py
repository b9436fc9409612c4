"""How far a cue reaches in a sentence (after NegEx, Chapman et al. 2001)."""

from __future__ import annotations

from reportgen.labeler.phrases import Phrase
from reportgen.labeler.sentence import Sentence

_LISTS = frozenset({"or", "nor"})
#: A condition ends at the comma.
_CONDITIONS = frozenset({"if", "should", "in"})


def reaches_forward(sentence: Sentence, cue: Phrase, start: int) -> bool:
    """Return True when ``cue`` holds for a phrase that starts at token ``start`` after it."""
    strict = cue.has("history_before") or sentence.words[cue.start] in _CONDITIONS
    return not any(
        _stops(sentence, position, strict=strict and cue.has("history_before", "asked_before"))
        for position in range(cue.end, start)
    )


def reaches_directly(sentence: Sentence, cue: Phrase, start: int) -> bool:
    """Return True when nothing but plain words lies between ``cue`` and token ``start``."""
    marks = any(sentence.words[i] in (",", "(", ")", "and") for i in range(cue.end, start))
    return not marks and reaches_forward(sentence, cue, start)


def reaches_back(sentence: Sentence, cue: Phrase, end: int) -> bool:
    """Return True when ``cue`` holds for a phrase that ends before token ``end``."""
    return not any(_stops_back(sentence, i, cue.start) for i in range(end, cue.start))


def _stops(sentence: Sentence, position: int, *, strict: bool) -> bool:
    word = sentence.words[position]
    if word == "with" or position in sentence.contrasts:
        return True
    if word == "," and strict:
        return True
    if word not in (",", "and", "("):
        return False
    follows = position + 1
    if sentence.is_word(follows, "coordination"):
        follows += 1
    return sentence.is_word(follows, "openers") and not _in_list(sentence, position)


def _stops_back(sentence: Sentence, position: int, cue_start: int) -> bool:
    word = sentence.words[position]
    if word in ("with", "without") or position in sentence.contrasts:
        return True
    if sentence.is_word(position, "verbs") and cue_start - position > 2:
        return True
    if word != ",":
        return False
    rest = sentence.words[position + 1 : cue_start]
    named = any(p.has("finding", "structure") for p in sentence.between(position, cue_start))
    return named and not ({"and", *_LISTS} & set(rest))


def _in_list(sentence: Sentence, position: int) -> bool:
    """Return True when an "or" closes the list before its end: it is one list."""
    for i in range(position + 1, len(sentence.words)):
        if sentence.words[i] in _LISTS:
            return True
        if i in sentence.contrasts or sentence.words[i] == "with":
            return False
    return False
