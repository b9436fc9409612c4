"""A strategy as a text file: YAML between ``---`` lines says what it is, the rest is its prompt."""

from __future__ import annotations

import re
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from medx.core.errors import InputError
from reportgen.strategies.base import SectionKind, SectionSpec, Strategy, field_key
from reportgen.strategies.templates import check_templates

_FENCE = "---"
_SYSTEM = "You are an expert {{ specialist }}."

#: Words with a meaning of their own in an answer or on the command line.
_NO_SECTIONS = frozenset({"for", "against"})
_NO_NAMES = frozenset({"all"})

_Heading = Annotated[str, Field(pattern=r"^[^\W\d_][\w &/-]{0,39}$")]


class _SectionEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Heading
    kind: SectionKind = SectionKind.text
    aliases: tuple[_Heading, ...] = ()
    min_entries: int | None = Field(None, ge=1, le=9)
    max_entries: int | None = Field(None, ge=1, le=9)
    max_characters: int = Field(SectionSpec.max_characters, ge=40, le=4000)

    @model_validator(mode="after")
    def _check(self) -> _SectionEntry:
        bounds = (self.min_entries, self.max_entries)
        if bounds != (None, None) and self.kind is not SectionKind.ranked:
            raise ValueError("min_entries and max_entries are for sections of kind ranked")
        if self._most() < (self.min_entries or 1):
            raise ValueError(f"max_entries must be >= min_entries, got {self._most()}")
        for words in (self.name, *self.aliases):
            if words.lower() in _NO_SECTIONS or words.upper().lower() != words.lower():
                raise ValueError(f"{words!r} cannot be a heading")
        return self

    def _most(self) -> int:
        return self.max_entries or max(SectionSpec.max_entries, self.min_entries or 1)

    def spec(self) -> SectionSpec:
        is_list = self.kind is not SectionKind.text
        return SectionSpec(
            name=self.name,
            kind=self.kind,
            aliases=self.aliases,
            min_entries=(self.min_entries or 1) if is_list else 0,
            max_entries=self._most(),
            max_characters=self.max_characters,
        )


class _FrontMatter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    version: int = Field(1, ge=1)
    summary: str = Field("", max_length=200)
    system: str = _SYSTEM
    sections: list[_SectionEntry] = Field(min_length=1, max_length=12)
    max_new_tokens: int = Field(400, ge=16, le=8192)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name in _NO_NAMES:
            raise ValueError(f"name must not be {name!r}")
        if "--" in name:  # stands between image and strategy in file names
            raise ValueError(f"name must not hold '--', got {name!r}")
        return name

    @field_validator("sections")
    @classmethod
    def _check_sections(cls, sections: list[_SectionEntry]) -> list[_SectionEntry]:
        names = [words.lower() for entry in sections for words in (entry.name, *entry.aliases)]
        keys = [field_key(entry.name) for entry in sections]
        if len(set(names)) < len(names) or len(set(keys)) < len(keys):
            raise ValueError("names and aliases of sections must differ from each other")
        return sections


def parse_strategy(text: str, source: str) -> Strategy:
    """Read a strategy from the text of its file, which errors call ``source``.

    Raises:
        InputError: When it cannot be used, with the line.
    """
    front, template, first_line = _split(text, source)
    found = _read_front(front, source)
    strategy = Strategy(
        name=found.name,
        version=found.version,
        summary=found.summary,
        system_prompt=found.system.strip(),
        template=template,
        sections=tuple(entry.spec() for entry in found.sections),
        max_new_tokens=found.max_new_tokens,
        source=source,
        first_line=first_line,
    )
    check_templates(strategy)
    return strategy


def _split(text: str, source: str) -> tuple[str, str, int]:
    lines = text.split("\n")
    ends = [n for n, line in enumerate(lines) if line.rstrip() == _FENCE]
    if len(ends) < 2 or ends[0] != 0:
        raise InputError(
            f"{source}, line 1: a strategy begins with YAML between two lines of ---",
            hint="start from a built-in one: medx report prompts show concise",
        )
    body = "\n".join(lines[ends[1] + 1 :])
    if not body.strip():
        raise InputError(f"{source}, line {ends[1] + 2}: there is no prompt below the second ---")
    return "\n".join(lines[1 : ends[1]]), body, ends[1] + 2


def _read_front(front: str, source: str) -> _FrontMatter:
    try:
        _refuse_aliases(front, source)
        tree = yaml.compose(front, Loader=yaml.SafeLoader)
        values = yaml.safe_load(front)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 2
        raise InputError(f"{source}, line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{source}: {' '.join(str(error).split())}") from error
    try:
        return _FrontMatter.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        loc = first["loc"]
        place = ".".join(map(str, loc)) or "the part between the --- lines"
        words = re.sub(r"^Value error, ", "", first["msg"])
        raise InputError(f"{source}, line {_line(tree, loc)}: {place}: {words}") from error


def _refuse_aliases(front: str, source: str) -> None:
    """Raise ``InputError`` at the first alias: a few of them can stand for gigabytes."""
    for event in yaml.parse(front, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 2 if event.start_mark else 2
            raise InputError(f"{source}, line {line}: *{event.anchor}: write it out")


def _line(node: Any, loc: tuple[int | str, ...]) -> int:
    """Return the line of the file, counted from 1, of what an error is about."""
    line = 2
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(part)]
            if not pairs:
                break
            key, node = pairs[-1]
            line = key.start_mark.line + 2
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 2
    return line
