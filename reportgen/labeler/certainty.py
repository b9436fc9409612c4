"""Whether a finding is present, uncertain or absent, or not stated of this image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from reportgen.labeler.course import are_listed
from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.phrases import Phrase
from reportgen.labeler.reach import reaches_back, reaches_directly, reaches_forward
from reportgen.labeler.sentence import Sentence, Target

_BEFORE = (
    "negated_before", "removed_before", "uncertain_before", "asked_before", "history_before",
    "alternative",
)  # fmt: skip
_AFTER = ("negated_after", "removed_after", "uncertain_after", "asked_after", "alternative")


def judge(sentence: Sentence, target: Target) -> None:
    """Set status, cues and ``stated`` of a phrase that names a finding."""
    before = [cue for cue in sentence.phrases if _holds_before(sentence, cue, target)]
    after = [cue for cue in sentence.phrases if _holds_after(sentence, cue, target)]
    elsewhere = [cue for cue in sentence.phrases if _speaks_elsewhere(sentence, cue, target)]
    asked = [cue for cue in before if cue.has("asked_before", "history_before")] + elsewhere
    asked += [cue for cue in after if cue.has("asked_after")]
    if asked:
        target.stated = False
        target.cues += [sentence.written(cue) for cue in asked]
    if target.fixed:
        if target.finding is Finding.no_finding:
            _deny_normal(sentence, target, before, after)
        return
    deciding = _deciding(before, after)
    if deciding is None:
        return
    status, cue = deciding
    target.status = status
    target.cues.append(sentence.written(cue))


def _deny_normal(
    sentence: Sentence, target: Target, before: list[Phrase], after: list[Phrase]
) -> None:
    """Let "not a normal chest" and "normal image unlikely" state nothing."""
    near = [cue for cue in before if target.start - cue.end <= 1]
    deciding = _deciding(near, [cue for cue in after if cue.start - target.end <= 1])
    if deciding is not None and deciding[0] is Status.absent:
        target.stated = False
        target.cues.append(sentence.written(deciding[1]))


def doubt_alternatives(sentence: Sentence, targets: Sequence[Target]) -> None:
    """Make both of "atelectasis or pneumonia" uncertain where neither is denied."""
    for first, second in pairwise(sorted(targets, key=lambda target: target.start)):
        gap = range(first.end, second.start)
        if not {"or"} & {sentence.words[i] for i in gap}:
            continue
        pair = (first, second)
        known = all(t.status is not Status.absent and not t.fixed for t in pair)
        if known and are_listed(sentence, *((t.start, t.end) for t in pair)):
            for target in pair:
                if target.status is Status.present:
                    target.status = Status.uncertain
                    target.cues.append("or")


def _speaks_elsewhere(sentence: Sentence, cue: Phrase, target: Target) -> bool:
    """Return True when the finding and words such as "archived image" share a clause."""
    if not cue.has("elsewhere"):
        return False
    first, last = min(target.end, cue.end), max(target.start, cue.start)
    apart = any(p.has("contrast") for p in sentence.between(first, last))
    return not apart and not _backs(sentence, cue, target)


def _backs(sentence: Sentence, cue: Phrase, target: Target) -> bool:
    """Return True for a finding "supported by" the cue, and after "based on" it and a comma."""
    for phrase in sentence.phrases:
        if not phrase.has("backed") or phrase.end > cue.start:
            continue
        named = any(p.has("finding") for p in sentence.between(phrase.end, cue.start))
        if target.end <= phrase.start and not named:
            return True
        leads = phrase.start == 0 and target.start >= cue.end
        if leads and "," in sentence.words[cue.end : target.start]:
            return True
    return False


def _deciding(before: list[Phrase], after: list[Phrase]) -> tuple[Status, Phrase] | None:
    """Return the status and its cue: what follows outweighs what precedes."""
    for cue in after:
        if not cue.has("uncertain_after", "alternative", "asked_after"):
            return Status.absent, cue
    for cue in after:
        return Status.uncertain, cue
    for cue in before:
        if cue.has("negated_before", "removed_before"):
            return Status.absent, cue
        if cue.has("uncertain_before", "alternative"):
            return Status.uncertain, cue
    return None


def _holds_before(sentence: Sentence, cue: Phrase, target: Target) -> bool:
    if cue.end > target.start or not cue.has(*_BEFORE):
        return False
    if cue.has("removed_before") and target.finding is not Finding.support_devices:
        return False
    if _is_twofold(cue) and not _leads(sentence, cue):
        return False
    return reaches_forward(sentence, cue, target.start)


def _holds_after(sentence: Sentence, cue: Phrase, target: Target) -> bool:
    if cue.start < target.end or not (cue.has(*_AFTER) or _closes(sentence, cue)):
        return False
    if cue.has("removed_after") and target.finding is not Finding.support_devices:
        return False
    if _is_twofold(cue) and _leads(sentence, cue):
        return False
    if _doubts_other(sentence, cue, target) or _asks_ahead(sentence, cue):
        return False
    if _speaks_of_tip(sentence, cue, target):
        return False
    return reaches_back(sentence, cue, target.end)


def _doubts_other(sentence: Sentence, cue: Phrase, target: Target) -> bool:
    """Return True for the opacity of "opacity may be atelectasis vs pneumonia"."""
    if not cue.has("alternative", "uncertain_after"):
        return False
    gap = list(sentence.between(target.end, cue.start))
    doubts = [i for i, phrase in enumerate(gap) if phrase.has("uncertain_before")]
    if not doubts or cue.has("alternative"):
        return bool(doubts)
    return any(phrase.has("finding") for phrase in gap[doubts[0] :])


def _asks_ahead(sentence: Sentence, cue: Phrase) -> bool:
    """Return True for the mark of "?effusion"."""
    if sentence.words[cue.start] != "?" or cue.end == len(sentence.words):
        return False
    return sentence.tokens[cue.start].end == sentence.tokens[cue.end].start


def _speaks_of_tip(sentence: Sentence, cue: Phrase, target: Target) -> bool:
    """Return True where the tip of a tube is not seen: the tube is there."""
    near = sentence.words[max(0, target.start - 3) : cue.start]
    return target.finding is Finding.support_devices and "tip" in near


def _closes(sentence: Sentence, cue: Phrase) -> bool:
    """Return True for the negation of "Effusion: no" and "effusion is not", with nothing after."""
    return cue.has("negated_before") and cue.end == len(sentence.words)


def _is_twofold(cue: Phrase) -> bool:
    """Return True for words like "likely", which may speak of what follows or what precedes."""
    return cue.has(*_BEFORE) and cue.has(*_AFTER) and not cue.has("alternative")


def _leads(sentence: Sentence, cue: Phrase) -> bool:
    """Return True when a finding follows that the cue speaks of."""
    return any(
        phrase.start >= cue.end
        and phrase.has("finding")
        and reaches_directly(sentence, cue, phrase.start)
        for phrase in sentence.phrases
    )
