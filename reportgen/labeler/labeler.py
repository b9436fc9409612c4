"""Label a free-text report by rules: no model, no network, every decision with its words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from reportgen.labeler.certainty import doubt_alternatives, judge
from reportgen.labeler.course import Modifiers, find_modifiers
from reportgen.labeler.finding import Change, Finding, Status, Zone, in_order, joined
from reportgen.labeler.lexicon import Lexicon, load_lexicon
from reportgen.labeler.mention import Mention
from reportgen.labeler.passages import Passage, find_passages, free_report
from reportgen.labeler.reference_back import add_to_last, place_like_last
from reportgen.labeler.report_labels import ReportLabels, aggregate
from reportgen.labeler.sentence import Sentence, Target, find_terms, read_sentence
from reportgen.labeler.sentences import find_sentences
from reportgen.labeler.structures import find_states
from reportgen.labeler.tokens import Token, tokenise
from reportgen.labeler.two_sides import split_sides


def label_report(text: str, *, source: str = "") -> ReportLabels:
    """Return what a report states of the 14 CheXpert findings.

    Args:
        text: The report, with or without headings.
        source: Where it is from, for the result.
    """
    return aggregate(find_mentions(text), source)


def find_mentions(text: str) -> list[Mention]:
    """Return every phrase of ``text`` that speaks of a finding, in order."""
    return list(_read(text))


@lru_cache(maxsize=8)  # the checks of a report ask for the same text one after the other
def _read(text: str) -> tuple[Mention, ...]:
    lexicon = load_lexicon()
    tokens = tokenise(text)
    passages = find_passages(text, lexicon)
    mentions = _read_passages(text, tokens, passages, lexicon)
    if not any(mention.stated for mention in mentions):
        freed = free_report(text, tokens, passages)
        mentions = _read_passages(text, tokens, freed, lexicon) if freed else mentions
    return tuple(mentions)


def _read_passages(
    text: str, tokens: Sequence[Token], passages: Sequence[Passage], lexicon: Lexicon
) -> list[Mention]:
    mentions: list[Mention] = []
    position = 0
    for passage in passages:
        while position < len(tokens) and tokens[position].start < passage.start:
            position += 1
        first = position
        while position < len(tokens) and tokens[position].start < passage.end:
            position += 1
        last = len(mentions)
        for words in find_sentences(text, tokens[first:position]):
            sentence = read_sentence(words, lexicon)
            found = _mentions(text, sentence, passage)
            if found:
                found = place_like_last(sentence, found, mentions[last:])
                last = len(mentions)
                mentions += found
            else:
                mentions[last:] = add_to_last(sentence, mentions[last:])
    return mentions


def _mentions(text: str, sentence: Sentence, passage: Passage) -> list[Mention]:
    targets = find_terms(sentence)
    for target in targets:
        judge(sentence, target)
    doubt_alternatives(sentence, targets)
    targets += find_states(sentence)
    targets.sort(key=lambda target: (target.start, target.end))
    others = split_sides(sentence, targets)
    found = []
    for i, own in enumerate(find_modifiers(sentence, targets)):
        parts = [others[i], targets[i]] if i in others else [targets[i]]
        found += [_mention(text, sentence, passage, part, own) for part in parts]
    return found


def _mention(
    text: str, sentence: Sentence, passage: Passage, target: Target, own: Modifiers
) -> Mention:
    start = sentence.tokens[target.start].start
    end = sentence.tokens[target.end - 1].end
    status = target.status
    if passage.kind == "hedged" and status is Status.present:
        status = Status.uncertain
    return Mention(
        finding=Finding(target.finding),
        status=status,
        start=start,
        end=end,
        text=text[start:end],
        sentence=(sentence.tokens[0].start, sentence.tokens[-1].end),
        side=target.side or joined(own.sides),
        zones=in_order(Zone, own.zones),
        changes=in_order(Change, own.changes),
        cues=target.cues,
        section=passage.heading,
        stated=target.stated and passage.tells,
    )
