"""The phrases of ``lexicon.yaml``, ready to be looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from reportgen.labeler.finding import Finding, Status
from reportgen.labeler.spelling import Speller
from reportgen.labeler.templates import expand

#: What a phrase means: its kind and its value, ``("side", "left")`` say.
Tag = tuple[str, str]


@dataclass(frozen=True)
class Structure:
    """A part of the body, and what its states say of findings."""

    states: dict[str, Status]
    abnormal: tuple[Finding, ...]
    normal: tuple[Finding, ...]


@dataclass(frozen=True)
class Lexicon:
    """Phrases with their tags, word classes, structures, section names.

    Args:
        lengths: Of the phrases that begin with a word, the longest first.
    """

    phrases: dict[tuple[str, ...], tuple[Tag, ...]]
    lengths: dict[str, list[int]]
    speller: Speller
    words: dict[str, frozenset[str]]
    structures: dict[str, Structure]
    sections: dict[str, str]


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    """Read the data file; it is kept."""
    import yaml

    source = resources.files("reportgen.labeler").joinpath("lexicon.yaml")
    data = yaml.safe_load(source.read_text(encoding="utf-8"))
    tagged = _tagged(data)
    words = {word for phrase in tagged for word in phrase}
    words.update(
        word for group in ("coordination", "prepositions") for word in data["words"][group]
    )
    words.update(data["places"])
    speller = Speller(words, data["british"], data["words"]["left_alone"])
    spelt: dict[tuple[str, ...], dict[Tag, None]] = {}
    lengths: dict[str, set[int]] = {}
    for phrase, tags in tagged.items():
        form = tuple(map(speller.spell, phrase))
        spelt.setdefault(form, {}).update(tags)
        lengths.setdefault(form[0], set()).add(len(form))
    classes = {**data["words"], "places": data["places"]}
    return Lexicon(
        phrases={phrase: tuple(tags) for phrase, tags in spelt.items()},
        lengths={word: sorted(found, reverse=True) for word, found in lengths.items()},
        speller=speller,
        words={name: frozenset(map(speller.spell, group)) for name, group in classes.items()},
        structures={name: _structure(entry) for name, entry in data["structures"].items()},
        sections={
            " ".join(name): kind
            for kind, templates in data["sections"].items()
            for template in templates
            for name in expand(template)
        },
    )


def _tagged(data: dict[str, Any]) -> dict[tuple[str, ...], dict[Tag, None]]:
    """Return every phrase of the file with its tags, in the order of the file."""
    groups: list[tuple[Tag, list[str]]] = [(("ignored", ""), data["ignored"])]
    for section, kind in (
        ("findings", "finding"), ("states", "state"), ("changes", "change"), ("sides", "side"),
        ("zones", "zone"), ("zone_words", "zone_word"),
    ):  # fmt: skip
        groups += [((kind, value), templates) for value, templates in data[section].items()]
    groups += [((kind, ""), templates) for kind, templates in data["cues"].items()]
    groups += [(("structure", n), entry["words"]) for n, entry in data["structures"].items()]
    for finding, statuses in data["stated"].items():
        groups += [((status, finding), templates) for status, templates in statuses.items()]
    tagged: dict[tuple[str, ...], dict[Tag, None]] = {}
    for tag, templates in groups:
        for template in templates:
            for phrase in expand(template):
                tagged.setdefault(phrase, {})[tag] = None
    return tagged


def _structure(entry: dict[str, Any]) -> Structure:
    return Structure(
        states={state: Status(status) for state, status in entry["states"].items()},
        abnormal=tuple(map(Finding, entry["abnormal"])),
        normal=tuple(map(Finding, entry["normal"])),
    )
