"""The baseline that any labeler must beat: a finding that is named is there."""

from __future__ import annotations

from reportgen.labeler.course import Modifiers
from reportgen.labeler.finding import Finding, Side, Status, joined
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.mention import Mention
from reportgen.labeler.report_labels import ReportLabels, aggregate
from reportgen.labeler.sentence import read_sentence
from reportgen.labeler.sentences import find_sentences
from reportgen.labeler.tokens import tokenise

_NEGATIONS = frozenset({"no", "not", "without"})


def label_by_keywords(text: str, *, negation: bool = False) -> ReportLabels:
    """Label by the names of findings alone, with every side of the sentence.

    Args:
        text: A report; its headings are not looked at.
        negation: Call every finding absent whose sentence has "no", "not" or "without" before it.
    """
    lexicon = load_lexicon()
    mentions = []
    for tokens in find_sentences(text, tokenise(text)):
        sentence = read_sentence(tokens, lexicon)
        own = Modifiers()
        for phrase in sentence.phrases:
            own.sides.update(map(Side, phrase.values("side")))
        for phrase in sentence.phrases:
            for name in phrase.values("finding"):
                denied = negation and bool(_NEGATIONS & set(sentence.words[: phrase.start]))
                start, end = tokens[phrase.start].start, tokens[phrase.end - 1].end
                mentions.append(
                    Mention(
                        finding=Finding(name),
                        status=Status.absent if denied else Status.present,
                        start=start,
                        end=end,
                        text=text[start:end],
                        sentence=(tokens[0].start, tokens[-1].end),
                        side=joined(own.sides),
                    )
                )
    return aggregate(mentions)
