"""One finding on one side and not on the other: "a left but no right effusion"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reportgen.labeler.certainty import judge
from reportgen.labeler.finding import UNSIDED, Side, Status
from reportgen.labeler.phrases import Phrase
from reportgen.labeler.reach import reaches_forward
from reportgen.labeler.sentence import Sentence, Target

_JOINS = frozenset({",", "but", "and", "though", "yet", "although", "however"})


def split_sides(sentence: Sentence, targets: Sequence[Target]) -> dict[int, Target]:
    """Give each side of such a finding its own target.

    The target that was found gets the side it belongs to; the other side's is returned under the
    target's position.
    """
    twins = {}
    for i, target in enumerate(targets):
        if target.fixed or target.finding in UNSIDED:
            continue
        sided = [p for p in sentence.phrases if _side(p) and p.end <= target.start]
        for cue in (p for p in sentence.phrases if p.has("negated_before")):
            split = _split(sentence, cue, sided, target)
            if split:
                other, own = split
                target.side, twins[i] = own, other
    return twins


def _split(
    sentence: Sentence, cue: Phrase, sided: Sequence[Phrase], target: Target
) -> tuple[Target, Side] | None:
    """Return the other side's target and the target's own side."""
    before = [p for p in sided if p.end <= cue.start]
    after = [p for p in sided if p.start >= cue.end]
    if target.status is Status.absent and before and len(after) == 1:
        first, own = before[-1], after[0]
        if _joined(sentence, first.end, cue.start) and not _placed(sentence, first):
            twin = Target(target.finding, first.start, first.end)
            _judge_side(sentence, twin)
            return _told(twin, target, first, own)
    if target.status is not Status.absent and len(after) == 2 and not before:
        first, own = after
        plain = not any(p.has("finding") for p in sentence.between(cue.end, own.start))
        turned = any(first.end <= i < own.start for i in sentence.contrasts)
        if plain and turned and not _placed(sentence, first):
            twin = replace(target, status=Status.absent, cues=[sentence.written(cue)])
            return _told(twin, target, first, own)
    return None


def _judge_side(sentence: Sentence, twin: Target) -> None:
    """Judge the first side, whose finding is named after the second one."""
    judge(sentence, twin)
    for cue in sentence.phrases:
        doubts = cue.has("uncertain_before") and cue.end <= twin.start
        if twin.status is Status.present and doubts and reaches_forward(sentence, cue, twin.start):
            twin.status = Status.uncertain
            twin.cues.append(sentence.written(cue))


def _told(twin: Target, target: Target, first: Phrase, own: Phrase) -> tuple[Target, Side] | None:
    """Return both, when there are two sides and one of them is without the finding."""
    sides = _side(first), _side(own)
    if set(sides) != {Side.left, Side.right} or twin.status is target.status:
        return None
    told = replace(twin, start=target.start, end=target.end, stated=target.stated, side=sides[0])
    return told, Side(sides[1])


def _side(phrase: Phrase) -> Side | None:
    value = phrase.value("side")
    return Side(value) if value in (Side.left, Side.right) else None


def _joined(sentence: Sentence, start: int, end: int) -> bool:
    """Return True for "but" and the like, and nothing else, between a side and a negation."""
    words = sentence.words[start:end]
    return bool(words) and set(words) <= _JOINS and words != [","]


def _placed(sentence: Sentence, phrase: Phrase) -> bool:
    """Return True for "on the left": that is the place of something else."""
    before = [w for w in sentence.words[max(0, phrase.start - 2) : phrase.start] if w != "the"]
    return bool(before) and before[-1] in sentence.lexicon.words["prepositions"]
