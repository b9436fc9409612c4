"""Where each finding of a sentence is, and how it has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from reportgen.labeler.finding import PLACELESS, UNSIDED, Change, Finding, Side, Status, Zone
from reportgen.labeler.phrases import Phrase
from reportgen.labeler.sentence import Sentence, Target

_ZONE_WORDS = 6
#: What is uncertain after one of these is an explanation of it.
SIGNS = frozenset({Finding.lung_opacity, Finding.consolidation})
_BREAKS = (
    "contrast", "negated_before", "negated_after", "removed_before", "uncertain_before", "meaning",
    "uncertain_after", "asked_before", "history_before", "alternative",
)  # fmt: skip


@dataclass
class Modifiers:
    """Place and course of one finding; ``post`` are those that stand after it."""

    sides: set[Side] = field(default_factory=set)
    zones: set[Zone] = field(default_factory=set)
    changes: set[Change] = field(default_factory=set)
    post: Modifiers | None = None

    @property
    def placed(self) -> bool:
        """True when a side or a zone is known."""
        return bool(self.sides or self.zones)

    def add(self, phrase: Phrase, zone: str | None) -> None:
        """Take over what a phrase says."""
        self.sides.update(map(Side, phrase.values("side")))
        self.zones.update(map(Zone, phrase.values("zone")))
        self.changes.update(map(Change, phrase.values("change")))
        if zone:
            self.zones.add(Zone(zone))

    def share_place(self, other: Modifiers) -> None:
        """Take over the place of ``other``."""
        self.sides |= other.sides
        self.zones |= other.zones


def find_modifiers(sentence: Sentence, targets: Sequence[Target]) -> list[Modifiers]:
    """Return place and course of each target; targets are in the order of their starts."""
    spans = sorted({(t.start, t.end) for t in targets})
    if not spans:
        return []
    found = {span: Modifiers(post=Modifiers()) for span in spans}
    for target in targets:
        if target.finding not in UNSIDED:
            _add_named(sentence, target, found[target.start, target.end])
    for phrase in sentence.phrases:
        zone = zone_word(sentence, phrase)
        if (phrase.has("side", "zone", "change") or zone) and not _idle(sentence, phrase, spans):
            _give(sentence, phrase, zone, spans, found)
    _share_lists(sentence, targets, spans, found)
    _share_meanings(sentence, targets, spans, found)
    return [_without_place(found[t.start, t.end], t) for t in targets]


def _without_place(own: Modifiers, target: Target) -> Modifiers:
    return Modifiers(changes=own.changes) if target.finding in PLACELESS else own


def _idle(sentence: Sentence, phrase: Phrase, spans: list[tuple[int, int]]) -> bool:
    return _denied(sentence, phrase, spans) or _is_pronoun(sentence, phrase)


def _is_pronoun(sentence: Sentence, phrase: Phrase) -> bool:
    """Return True for "both" where no place follows: "collapse or both", "both in position"."""
    if sentence.words[phrase.start : phrase.end] != ["both"]:
        return False
    last = phrase.end == len(sentence.words)
    return last or any(
        sentence.is_word(phrase.end, kind) for kind in ("prepositions", "coordination")
    )


def _add_named(sentence: Sentence, target: Target, own: Modifiers) -> None:
    """Add the places that are part of a finding's name: "apical cap"."""
    for word in sentence.words[target.start : target.end]:
        tags = sentence.lexicon.phrases.get((word,), ())
        places = tuple(tag for tag in tags if tag[0] in ("side", "zone"))
        own.add(Phrase(target.start, target.end, places), None)


def _give(
    sentence: Sentence,
    phrase: Phrase,
    zone: str | None,
    spans: list[tuple[int, int]],
    found: dict[tuple[int, int], Modifiers],
) -> None:
    """Hand a modifier to the finding it belongs to."""
    inside = [span for span in spans if span[0] <= phrase.start < span[1]]
    if inside:
        if not phrase.has("state"):  # "the heart is increased in size" compares with nothing
            found[inside[0]].add(phrase, zone)
        return
    left = [span for span in spans if span[1] <= phrase.start]
    right = [span for span in spans if span[0] >= phrase.end]
    if left and (not right or phrase.start < _split(sentence, left[-1][1], right[0][0])):
        owner = found[left[-1]]
        if owner.post:
            owner.post.add(phrase, zone)
    else:
        owner = found[right[0]]
    owner.add(phrase, zone)


def _split(sentence: Sentence, start: int, end: int) -> int:
    """Return the token between two findings from which on words belong to the second."""
    breaks = [i for i in range(start, end) if _breaks(sentence, i)]
    true_breaks = [i for i in breaks if not _joins_modifiers(sentence, i)]
    if true_breaks or breaks:
        return (true_breaks or breaks)[-1]
    bound = [i for i in range(start, end) if sentence.is_word(i, "prepositions")]
    bound += [i for i in range(start, end) if sentence.is_word(i, "verbs")]
    return end if bound else start


def _breaks(sentence: Sentence, position: int) -> bool:
    if sentence.is_word(position, "coordination") or sentence.words[position] in (
        "with",
        "without",
    ):
        return True
    return any(p.start == position and p.has(*_BREAKS) for p in sentence.phrases)


def _joins_modifiers(sentence: Sentence, position: int) -> bool:
    """Return True for "and" in "right upper and left lower lobes", "large right and small left"."""
    before = any(p.end == position and _is_place(p) for p in sentence.phrases)
    follows = position + 1 + sentence.is_word(position + 1, "sizes")
    after = any(p.start == follows and _is_place(p) for p in sentence.phrases)
    return before and after and sentence.is_word(position, "coordination")


def _is_place(phrase: Phrase) -> bool:
    return phrase.has("side", "zone", "zone_word")


def zone_word(sentence: Sentence, phrase: Phrase) -> str | None:
    """Return the zone of "upper" when a word such as "lobe" follows it."""
    zone = phrase.value("zone_word")
    if zone is None:
        return None
    for position in range(phrase.end, min(len(sentence.words), phrase.end + _ZONE_WORDS)):
        if sentence.is_word(position, "places"):
            return zone
        joins = sentence.is_word(position, "coordination") or sentence.words[position] == "to"
        if not joins and not any(p.start == position and _names_place(p) for p in sentence.phrases):
            return None
    return None


def _names_place(phrase: Phrase) -> bool:
    return _is_place(phrase) or phrase.has("structure", "finding")


def _denied(sentence: Sentence, phrase: Phrase, spans: list[tuple[int, int]]) -> bool:
    """Return True for "left" in "on the right but not on the left"."""
    return any(
        cue.has("negated_before")
        and 0 <= phrase.start - cue.end <= 2
        and any(end <= cue.start for _, end in spans)
        and not any(start >= phrase.end for start, _ in spans)
        for cue in sentence.phrases
    )


def _share_lists(
    sentence: Sentence,
    targets: Sequence[Target],
    spans: list[tuple[int, int]],
    found: dict[tuple[int, int], Modifiers],
) -> None:
    """Let "left effusion and atelectasis" and "effusion and atelectasis, unchanged" share."""
    unsided = {(t.start, t.end) for t in targets if t.finding in UNSIDED}
    pairs = [(a, b) for a, b in pairwise(spans) if are_listed(sentence, a, b)]
    for a, b in pairs:
        if not found[b].placed and b not in unsided:
            found[b].share_place(found[a])
        elif not found[b].sides and b not in unsided and _linked(sentence, range(a[1], b[0])):
            found[b].sides |= found[a].sides
        if not found[b].changes:
            found[b].changes |= found[a].changes
    for a, b in reversed(pairs):
        post = found[b].post or Modifiers()
        if not found[a].placed and a not in unsided:
            found[a].share_place(post)
        if not found[a].changes:
            found[a].changes |= post.changes
        if found[a].post is not None:
            found[a].post = post


def are_listed(sentence: Sentence, first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Return True when only a conjunction and describing words stand between two findings."""
    gap = range(first[1], second[0])
    joined = any(
        sentence.is_word(i, "coordination") or sentence.words[i] == "with" for i in gap
    ) or any(p.has("alternative") for p in sentence.between(first[1], second[0]))
    plain = not any(
        sentence.is_word(i, "verbs") or sentence.is_word(i, "prepositions") for i in gap
    )
    stops = ("contrast", "negated_before", "negated_after", "uncertain_before", "change")
    stopped = [
        p
        for p in sentence.between(first[1], second[0])
        if p.has(*stops) and not p.has("alternative")
    ]
    with_ = any(sentence.words[i] == "with" for i in gap)
    return joined and plain and not stopped and not (with_ and not _linked(sentence, gap))


def _linked(sentence: Sentence, gap: range) -> bool:
    return any(p.has("meaning") for p in sentence.between(gap.start, gap.stop))


def _share_meanings(
    sentence: Sentence,
    targets: Sequence[Target],
    spans: list[tuple[int, int]],
    found: dict[tuple[int, int], Modifiers],
) -> None:
    """Give what an opacity may be the place of the opacity."""
    for i, target in enumerate(targets):
        own = found[target.start, target.end]
        earlier = [t for t in targets[:i] if found[t.start, t.end].placed and t.end <= target.start]
        if own.placed or not earlier:
            continue
        means = _same_place(sentence, earlier[-1].end, target.start) or are_listed(
            sentence, (earlier[-1].start, earlier[-1].end), (target.start, target.end)
        )
        signs = [t for t in earlier if t.finding in SIGNS or t.fixed]
        if means and (target.finding not in UNSIDED or earlier[-1] in signs):
            own.share_place(found[earlier[-1].start, earlier[-1].end])
        elif signs and target.status is Status.uncertain:
            own.share_place(found[signs[-1].start, signs[-1].end])


def _same_place(sentence: Sentence, start: int, end: int) -> bool:
    """Return True when what stands between says that two findings are one, or beside each other."""
    return any(p.has("meaning", "alternative") for p in sentence.between(start, end))
