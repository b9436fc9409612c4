"""What a sentence owes the one before: "It is larger now", "This may represent pneumonia"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from reportgen.labeler.course import SIGNS, zone_word
from reportgen.labeler.finding import PLACELESS, Change, Side, Status, Zone, in_order, joined
from reportgen.labeler.mention import Mention
from reportgen.labeler.sentence import Sentence

_ONE = frozenset({"it", "this", "that"})
_ALL = frozenset({"they", "these", "those", "both"})
_EXPLAINED = frozenset({"appearance", "appearances", "differential", "ddx"})
_NOUNS = frozenset({"finding", "abnormality", "appearance"})


def add_to_last(sentence: Sentence, last: Sequence[Mention]) -> list[Mention]:
    """Return the mentions of the sentence before with what this one, which names none, adds.

    "It" is the last finding that was stated and not denied, "they" are all of them. A place counts
    for a finding that has none yet.
    """
    told = [i for i, m in enumerate(last) if m.stated and m.status is not Status.absent]
    if told and not _refers_to_all(sentence):
        told = [i for i in told if last[i].sentence == last[told[-1]].sentence][-1:]
    if not told or not _refers(sentence):
        return list(last)
    return [_added(m, sentence) if i in told else m for i, m in enumerate(last)]


def place_like_last(
    sentence: Sentence, found: Sequence[Mention], last: Sequence[Mention]
) -> list[Mention]:
    """Return ``found``; what "this may be" gets the place of the opacity named before."""
    signs = [m for m in last if m.finding in SIGNS and m.stated and (m.side or m.zones)]
    signs = [m for m in signs if m.status is not Status.absent]
    if not signs or not _explains(sentence):
        return list(found)
    place = {"side": signs[-1].side, "zones": signs[-1].zones}
    return [m.model_copy(update=place) if _lacks_place(m) else m for m in found]


def _explains(sentence: Sentence) -> bool:
    """Return True when "this" begins a part of the sentence, or "appearances" the whole."""
    words = sentence.words[1:] if sentence.words[0] == "the" else sentence.words
    parts = [words[0] if words else "", *(b for a, b in pairwise(words) if a == ",")]
    return parts[0] in _EXPLAINED or bool((_ONE | _ALL) & set(parts))


def _lacks_place(mention: Mention) -> bool:
    told = mention.stated and mention.status is not Status.absent
    return told and not (mention.side or mention.zones or mention.finding in PLACELESS)


def _refers(sentence: Sentence) -> bool:
    first, second = (*sentence.words[:2], "", "")[:2]
    if first in _ONE | _ALL:
        return True
    return first == "the" and (second in _NOUNS or second[:-1] in _NOUNS)


def _refers_to_all(sentence: Sentence) -> bool:
    tokens = [token.word for token in sentence.tokens[:2]]
    return bool(_ALL & set(tokens)) or any(word in ("findings", "abnormalities") for word in tokens)


def _added(mention: Mention, sentence: Sentence) -> Mention:
    changes = {Change(v) for p in sentence.phrases for v in p.values("change")}
    update: dict[str, object] = {"changes": in_order(Change, changes.union(mention.changes))}
    if mention.side is None and not mention.zones:
        sides = {Side(v) for p in sentence.phrases for v in p.values("side")}
        zones = {Zone(v) for p in sentence.phrases for v in p.values("zone")}
        zones |= {Zone(z) for p in sentence.phrases if (z := zone_word(sentence, p))}
        update["side"] = joined(sides)
        update["zones"] = in_order(Zone, zones)
    return mention.model_copy(update=update)
