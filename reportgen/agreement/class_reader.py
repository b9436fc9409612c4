"""A text's words on the classes of a dataset, whatever the modality."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from reportgen.agreement.class_meaning import plain_name
from reportgen.labeler.certainty import doubt_alternatives, judge
from reportgen.labeler.finding import Status
from reportgen.labeler.lexicon import Lexicon, load_lexicon
from reportgen.labeler.passages import find_passages
from reportgen.labeler.phrases import Phrase
from reportgen.labeler.sentence import Sentence, Target, read_sentence
from reportgen.labeler.sentences import find_sentences
from reportgen.labeler.tokens import tokenise
from reportgen.labels import is_normal

#: Shorter names ("0", "A") are found in any text.
_MIN_LETTERS = 3
#: What the chest's lexicon knows of the body means nothing here; its cues do.
_CHEST_ONLY = (
    "finding", "structure", "state", "ignored", "side", "zone", "zone_word", "present", "uncertain",
    "absent", "change",
)  # fmt: skip
#: "normal" says something of the image before these and before marks, not in "normal staining".
_AFTER_NORMAL = frozenset(
    (
        "image", "cell", "appearance", "tissue", "study", "examination", "scan", "skin", "mucosa",
        "retina", "fundus", "smear", "blood", "red", "white", "class", "reading", "with",
        "probability",
    )
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ClassMention:
    """A class as one phrase of the text states it."""

    name: str
    status: Status
    start: int
    end: int
    cues: list[str] = field(default_factory=list)


def read_classes(text: str, names: Iterable[str]) -> dict[str, list[ClassMention]]:
    """Return what ``text`` states of each class that it names."""
    readable = tuple(name for name in names if _is_readable(name))
    found: dict[str, list[ClassMention]] = {}
    if not readable:
        return found
    lexicon = _class_lexicon(readable)
    tokens = tokenise(text)
    for passage in find_passages(text, lexicon):
        if passage.kind == "elsewhere":
            continue
        own = [token for token in tokens if passage.start <= token.start < passage.end]
        for sentence in find_sentences(text, own):
            for mention in _mentions(read_sentence(sentence, lexicon), passage.kind):
                found.setdefault(mention.name, []).append(mention)
    return found


def _mentions(sentence: Sentence, kind: str) -> Iterator[ClassMention]:
    targets = [
        Target(name, phrase.start, phrase.end)
        for phrase in sentence.phrases
        if (name := phrase.value("finding")) and _is_reading(sentence, phrase, name)
    ]
    for target in targets:
        judge(sentence, target)
    doubt_alternatives(sentence, targets)
    for target in targets:
        if not target.stated:
            continue
        hedged = kind == "hedged" and target.status is Status.present
        yield ClassMention(
            name=target.finding,
            status=Status.uncertain if hedged else target.status,
            start=sentence.tokens[target.start].start,
            end=sentence.tokens[target.end - 1].end,
            cues=target.cues,
        )


def _is_readable(name: str) -> bool:
    return sum(letter.isalpha() for letter in name) >= _MIN_LETTERS


def _is_reading(sentence: Sentence, phrase: Phrase, name: str) -> bool:
    """Return False for "normal" before a noun that is not the image."""
    if not is_normal(name) or phrase.end - phrase.start > 1:
        return True
    follows = sentence.words[phrase.end : phrase.end + 1]
    if not follows or not follows[0].isalpha() or follows[0] in _AFTER_NORMAL:
        return True
    known = any(p.start == phrase.end for p in sentence.phrases)
    return known or any(sentence.is_word(phrase.end, c) for c in ("verbs", "coordination"))


@lru_cache(maxsize=64)
def _class_lexicon(names: tuple[str, ...]) -> Lexicon:
    """Return the labeler's lexicon with classes in the place of findings."""
    base = load_lexicon()
    words = {name: [t.word for t in tokenise(plain_name(name))] for name in names}
    speller = base.speller.with_words(word for form in words.values() for word in form)
    phrases = {
        known: kept
        for known, tags in base.phrases.items()
        if (kept := tuple(tag for tag in tags if tag[0] not in _CHEST_ONLY))
    }
    for name, form in words.items():
        phrases[tuple(map(speller.spell, form))] = (("finding", name),)
    lengths: dict[str, set[int]] = {}
    for known in phrases:
        lengths.setdefault(known[0], set()).add(len(known))
    return replace(
        base,
        phrases=phrases,
        lengths={word: sorted(found, reverse=True) for word, found in lengths.items()},
        speller=speller,
    )
