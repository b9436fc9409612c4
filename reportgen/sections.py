"""Free text read into the sections that a strategy asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from medx.core.values import Value
from reportgen.strategies.base import SectionKind, SectionSpec

_MARKS = r"[\s#*_>]*"
_NUMBERED = re.compile(r"^[\s*_]*(\d{1,2})[.)][\s*_]*(?P<title>\S.*)$")
_REGION = re.compile(r"^[\s*_•-]*(?P<title>[A-Z][^:.;]{0,60}?)[*_\s]*:[\s*_]*(?P<text>\S.*)$")
_SIDE = re.compile(
    r"^[\s*_•-]*(?:evidence\s+|points\s+)?(?P<side>for|against)[*_\s]*:[\s*_]*(?P<text>.*)$", re.I
)
_PLACEHOLDER = re.compile(r"<[^<>]*>|\[(?!\w{1,3}\])[^\[\]]*\]|[\s.…*_–—-]+")
_EMPTY_SIDES = frozenset({"", "none", "n/a"})


class Entry(Value):
    """One line of a list: a region, or a ranked reading with what speaks for and against it."""

    title: str
    text: str = ""
    evidence_for: list[str] = Field(default_factory=list)
    evidence_against: list[str] = Field(default_factory=list)


class Section(Value):
    """One section of a report."""

    name: str
    text: str
    entries: list[Entry] = Field(default_factory=list)


class Parsed(Value):
    """What was found of a contract, and what is missing."""

    sections: list[Section]
    missing: list[str]


def is_blank(text: str) -> bool:
    """Return True when a text is empty or a placeholder that a prompt might have shown."""
    return not _PLACEHOLDER.sub("", text)


def is_empty_side(text: str) -> bool:
    """Return True when what is said for or against a reading says nothing."""
    bare = text.strip(" \t*_•–—-")
    return is_blank(bare) or bare.lower().rstrip(".") in _EMPTY_SIDES


def parse_sections(text: str, specs: Sequence[SectionSpec]) -> Parsed:
    """Read ``text`` into sections; what the contract wants and the text lacks is listed.

    Headings may carry Markdown marks and stand alone or before their text. Of a heading that
    comes twice the first counts.
    """
    bodies = _split(text, specs)
    sections, missing = [], []
    for spec in specs:
        if spec.name not in bodies:
            missing.append(spec.name)
            continue
        section = Section(
            name=spec.name, text=bodies[spec.name], entries=_entries(bodies[spec.name], spec.kind)
        )
        sections.append(section)
        missing.extend(_lacks(section, spec))
    return Parsed(sections=sections, missing=missing)


def _split(text: str, specs: Sequence[SectionSpec]) -> dict[str, str]:
    bodies: dict[str, list[str]] = {}
    current: list[str] = []  # what comes before the first heading belongs to no section
    for line in text.splitlines():
        if line.strip().startswith("```"):
            continue
        if heading := find_heading(line, specs):
            name, rest = heading
            current = []
            bodies.setdefault(name, current)
            line = rest
        if line.strip():
            current.append(line.rstrip())
    return {name: "\n".join(lines).strip() for name, lines in bodies.items()}


def find_heading(line: str, specs: Sequence[SectionSpec]) -> tuple[str, str] | None:
    """Return the section that a line begins and what stands behind the heading, or None."""
    for spec in specs:
        for words in (spec.name, *spec.aliases):
            pattern = (
                rf"^{_MARKS}(?:\d[.)]\s*)?{re.escape(words)}{_MARKS}(?:$|:{_MARKS}(?P<rest>.*)$)"
            )
            if match := re.match(pattern, line, re.I):
                return spec.name, (match["rest"] or "").strip()
    return None


def _entries(body: str, kind: SectionKind) -> list[Entry]:
    if kind is SectionKind.regions:
        matches = (_REGION.match(line) for line in body.splitlines())
        return [Entry(title=m["title"].strip(), text=m["text"].strip()) for m in matches if m]
    if kind is SectionKind.ranked:
        return _ranked(body)
    return []


def _ranked(body: str) -> list[Entry]:
    entries: list[Entry] = []
    side: list[str] | None = None
    for line in body.splitlines():
        if match := _NUMBERED.match(line):
            entries.append(Entry(title=match["title"].strip(" *_:")))
            side = None
        elif entries and (match := _SIDE.match(line)):
            last = entries[-1]
            side = last.evidence_for if match["side"].lower() == "for" else last.evidence_against
            _add(side, match["text"])
        elif side is not None:
            _add(side, line)
    return entries


def _add(side: list[str], line: str) -> None:
    if not is_empty_side(line):
        side.append(line.strip(" \t*_•–—-"))


def _lacks(section: Section, spec: SectionSpec) -> list[str]:
    if is_blank(section.text):
        return [f"{spec.name}: empty"]
    if len(section.entries) < spec.min_entries:
        return [f"{spec.name}: {len(section.entries)} of at least {spec.min_entries} entries"]
    if spec.kind is SectionKind.regions:
        return [f"{spec.name}: nothing of {e.title}" for e in section.entries if is_blank(e.text)]
    return [
        f"{spec.name} {rank}: {lack}"
        for rank, entry in enumerate(section.entries, start=1)
        for lack in _lacking(entry)
    ]


def _lacking(entry: Entry) -> list[str]:
    parts = {
        "no reading": [] if is_blank(entry.title) else [entry.title],
        "nothing for": entry.evidence_for,
        "nothing against": entry.evidence_against,
    }
    return [name for name, lines in parts.items() if not lines]
