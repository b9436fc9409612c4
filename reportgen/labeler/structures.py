"""Findings told by the state of a structure: "the heart is enlarged", "lungs are clear"."""

from __future__ import annotations

from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.lexicon import Structure
from reportgen.labeler.phrases import Phrase
from reportgen.labeler.sentence import Sentence, Target

_MAX_WORDS = 12
_NEGATION_WORDS = 4
_SKIPPED = frozenset(
    (
        "of", "the", "a", "an", "both", "size", "grossly", "mildly", "moderately", "markedly",
        "severely", "slightly", "again", "overall", "left", "right", "bilateral", "stable",
        "unchanged", "and", ",", "or", "hila", "hilum", "slight", "mild", "moderate", "pleural",
    )
)  # fmt: skip


def find_states(sentence: Sentence) -> list[Target]:
    """Return what the states of structures say, each over the words from one to the other."""
    targets = []
    for phrase in sentence.phrases:
        name = phrase.value("structure")
        if name is not None:
            structure = sentence.lexicon.structures[name]
            state = _find_state(sentence, phrase, structure)
            targets += _read(sentence, phrase, state, structure) if state else []
    return targets or _read_alone(sentence)


def _read_alone(sentence: Sentence) -> list[Target]:
    """Return No Finding where "Normal." is the whole sentence."""
    if len(sentence.phrases) != 1 or sentence.phrases[0].value("state") != "normal":
        return []
    phrase = sentence.phrases[0]
    if phrase.end - phrase.start < len(sentence.words):
        return []
    return [Target(Finding.no_finding, phrase.start, phrase.end, Status.present, fixed=True)]


def _find_state(sentence: Sentence, phrase: Phrase, structure: Structure) -> Phrase | None:
    return (
        _state_before(sentence, phrase, structure, across=False)
        or _state_after(sentence, phrase, structure)
        or _state_before(sentence, phrase, structure, across=True)
    )


def _state_before(
    sentence: Sentence, phrase: Phrase, structure: Structure, *, across: bool
) -> Phrase | None:
    """Look to the left; ``across`` goes on over other structures in a list."""
    starts_at = {p.end: p for p in sentence.phrases}
    position = phrase.start
    while position > 0:
        known = starts_at.get(position)
        if known and _suits(known, structure):
            return known
        if known and (known.has("side") or (across and known.has("structure"))):
            position = known.start
            continue
        word = sentence.words[position - 1]
        joins = word in (",", "and", "or")
        if word not in _SKIPPED or (joins and not across):
            return None
        position -= 1
    return None


def _state_after(sentence: Sentence, phrase: Phrase, structure: Structure) -> Phrase | None:
    verb = False
    end = min(len(sentence.words), phrase.end + _MAX_WORDS)
    for position in range(phrase.end, end):
        verb = verb or sentence.is_word(position, "verbs")
        known = next((p for p in sentence.phrases if p.start == position), None)
        if known is None:
            continue
        if _suits(known, structure):
            return known
        if known.has("finding") or (verb and known.has("structure")):
            return None
        if known.has("contrast") and not _state_next(sentence, known, structure):
            return None
    return None


def _state_next(sentence: Sentence, phrase: Phrase, structure: Structure) -> bool:
    return any(p.start == phrase.end and _suits(p, structure) for p in sentence.phrases)


def _suits(phrase: Phrase, structure: Structure) -> bool:
    return any(state in structure.states for state in _states(phrase))


def _states(phrase: Phrase) -> list[str]:
    states = phrase.values("state")
    return (
        [*states, "enlarged"]
        if phrase.has("change") and phrase.value("change") == "worse"
        else states
    )


def _read(sentence: Sentence, phrase: Phrase, state: Phrase, structure: Structure) -> list[Target]:
    status = next(structure.states[s] for s in _states(state) if s in structure.states)
    start, end = min(phrase.start, state.start), max(phrase.end, state.end)
    cues = [sentence.written(state)]
    negation, doubt = _cue(sentence, state, "negated_before"), _doubt(sentence, phrase, state)
    asked = [p for p in sentence.phrases if p.has("elsewhere")]
    if negation:
        if status is Status.absent:
            return []
        status = Status.absent
        cues.insert(0, sentence.written(negation))
        start = min(start, negation.start)
    elif doubt and status is Status.present:
        status = Status.uncertain
        cues.insert(0, sentence.written(doubt))
    findings = structure.normal if status is Status.absent else structure.abnormal
    return [
        Target(finding, start, end, status, fixed=True, stated=not asked, cues=list(cues))
        for finding in findings
    ]


def _cue(sentence: Sentence, state: Phrase, kind: str) -> Phrase | None:
    """Return a cue just before the state, with no comma or "and" between."""
    for cue in reversed(sentence.phrases):
        if cue.has(kind) and 0 <= state.start - cue.end < _NEGATION_WORDS:
            gap = sentence.words[cue.end : state.start]
            return None if {",", "and", "but"} & set(gap) else cue
    return None


def _doubt(sentence: Sentence, phrase: Phrase, state: Phrase) -> Phrase | None:
    first, last = sorted((phrase, state), key=lambda p: p.start)
    before = _cue(sentence, first, "uncertain_before")
    inside = [p for p in sentence.between(first.end, last.start) if p.has("uncertain_before")]
    after = [
        p
        for p in sentence.phrases
        if p.start == last.end and p.has("uncertain_before") and not _names_next(sentence, p)
    ]
    return before or next(iter([*inside, *after]), None)


def _names_next(sentence: Sentence, cue: Phrase) -> bool:
    return any(p.start >= cue.end and p.has("finding") for p in sentence.phrases)
