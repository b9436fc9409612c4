"""The form an answer must have: a schema for engines that can be held to one, and its reading."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from medx.core.errors import EngineError
from medx.core.values import Value
from reportgen.answer_layout import NOTHING, lay_out
from reportgen.control_tokens import one_line
from reportgen.evidence import Evidence
from reportgen.modality import modality_of
from reportgen.sections import Section, parse_sections
from reportgen.strategies.base import LIKELIHOODS, SectionKind, SectionSpec, Strategy, field_key

#: Longest name of a ranked reading.
READING_CHARACTERS = 80

#: An answer in a fence or after a word of greeting is looked for at this many braces.
_BRACES = 5

_SURROGATES = re.compile(r"[\ud800-\udfff]")


class Answer(Value):
    """An engine's answer, read.

    Args:
        text: The answer under headings, whatever form it came in.
        missing: What the strategy asked for and the text lacks.
        schema_valid: Whether the answer as it came was JSON of the schema; None: headed text.
        repaired: True when its JSON was put right: fence, control characters, overlong strings.
    """

    text: str
    sections: list[Section]
    missing: list[str]
    schema_valid: bool | None = None
    repaired: bool = False


def answer_model(strategy: Strategy, evidence: Evidence) -> type[BaseModel]:
    """Return the pydantic model of a JSON answer; one class for a strategy and its regions.

    Every string and list in it is bounded, so that whatever writes such an answer comes to an end.
    """
    return _build(strategy.name, strategy.sections, modality_of(evidence.modality).regions)


def read_answer(
    raw: str, strategy: Strategy, evidence: Evidence, *, schema: type[BaseModel] | None
) -> Answer:
    """Read an answer into sections: JSON when a schema was asked for, else text under headings.

    Raises:
        EngineError: When JSON was asked for and no repair makes the answer fit.
    """
    if schema is None:
        parsed = parse_sections(raw, strategy.sections)
        return Answer(text=raw, sections=parsed.sections, missing=parsed.missing)
    regions = modality_of(evidence.modality).regions
    values, valid = _values(raw, strategy.sections, schema)
    text = lay_out(values, strategy.sections, regions)
    parsed = parse_sections(text, strategy.sections)
    return Answer(
        text=text,
        sections=parsed.sections,
        missing=parsed.missing,
        schema_valid=valid,
        repaired=not valid,
    )


@lru_cache(maxsize=64)
def _build(name: str, specs: tuple[SectionSpec, ...], regions: tuple[str, ...]) -> type[BaseModel]:
    fields = {spec.key: _field_type(spec, regions) for spec in specs}
    return _model(f"{_class_name(name)}Answer", fields)


def _field_type(spec: SectionSpec, regions: tuple[str, ...]) -> Any:
    text = _text(spec.max_characters)
    if spec.kind is SectionKind.regions:
        return _model(
            f"{_class_name(spec.name)}Regions", {field_key(name): text for name in regions}
        )
    if spec.kind is SectionKind.ranked:
        entry = _model(
            f"{_class_name(spec.name)}Entry",
            {
                "reading": _text(READING_CHARACTERS),
                "likelihood": Literal[LIKELIHOODS],
                "for": text,
                "against": text,
            },
        )
        bounds = Field(min_length=max(1, spec.min_entries), max_length=spec.max_entries)
        return Annotated[list[entry], bounds]  # type: ignore[valid-type]
    return text


def _class_name(name: str) -> str:
    return field_key(name).title().replace("_", "")


def _text(max_characters: int) -> Any:
    return Annotated[str, StringConstraints(min_length=1, max_length=max_characters)]


def _model(name: str, types: dict[str, Any]) -> type[BaseModel]:
    # Aliases, since a field may not be called as a method of BaseModel or a keyword is.
    fields: dict[str, Any] = {
        f"field_{n}": (type_, Field(alias=key)) for n, (key, type_) in enumerate(types.items())
    }
    return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _values(
    raw: str, specs: tuple[SectionSpec, ...], schema: type[BaseModel]
) -> tuple[dict[str, Any], bool]:
    """Return the fields of an answer and whether it was valid as it came."""
    try:
        return schema.model_validate_json(raw).model_dump(by_alias=True), True
    except ValueError:  # ValidationError, or an answer that is no Unicode
        found = _find_object(raw, specs)
    try:
        return schema.model_validate(found).model_dump(by_alias=True), False
    except ValidationError as error:
        raise EngineError(f"the answer is not of the form asked for: {_first(error)}") from error


def _find_object(raw: str, specs: tuple[SectionSpec, ...]) -> dict[str, Any]:
    """Return what a text's JSON object holds of the fields asked for, repaired.

    Raw control characters in strings are let through; what was not asked for is left out.
    """
    decoder = json.JSONDecoder(strict=False)
    start, reasons = -1, []
    for _ in range(_BRACES):
        start = raw.find("{", start + 1)
        if start < 0:
            break
        try:
            found, _end = decoder.raw_decode(raw, start)
        except (ValueError, RecursionError) as error:
            reasons.append(str(error))
            continue
        values = {field_key(name): value for name, value in found.items()}
        if known := [spec for spec in specs if spec.key in values]:
            return {spec.key: _repair_section(values[spec.key], spec) for spec in known}
        reasons.append("none of its fields was asked for")
    reason = reasons[0] if reasons else "it holds no object"
    begin = one_line(raw[:60])
    raise EngineError(f"the answer is not the JSON that was asked for: {reason}; begins {begin!r}")


def _repair_section(value: Any, spec: SectionSpec) -> Any:
    if spec.kind is SectionKind.regions and isinstance(value, dict):
        return {field_key(k): _repair_text(v, spec.max_characters) for k, v in value.items()}
    if spec.kind is SectionKind.ranked and isinstance(value, list):
        return [_repair_entry(entry, spec.max_characters) for entry in value[: spec.max_entries]]
    return _repair_text(value, spec.max_characters)


def _repair_entry(entry: Any, max_characters: int) -> Any:
    if not isinstance(entry, dict):
        return entry
    limits = {"reading": READING_CHARACTERS, "likelihood": READING_CHARACTERS}
    values = {
        key: _repair_text(entry[key], limits.get(key, max_characters))
        for key in ("reading", "likelihood", "for", "against")
        if key in entry
    }
    if isinstance(values.get("likelihood"), str):
        values["likelihood"] = values["likelihood"].lower()
    return values


def _repair_text(value: Any, max_characters: int) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "; ".join(value)
    if not isinstance(value, str):
        return value
    # Half a surrogate pair is legal in JSON and in no file.
    text = _SURROGATES.sub(" ", value)
    if len(text) > max_characters:
        return text[: max_characters - 1] + "…"
    return text or NOTHING


def _first(error: ValidationError, most: int = 3) -> str:
    """Return the first errors in words, each with its place."""
    errors = error.errors(include_url=False, include_input=False)
    told = [f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in errors[:most]]
    return "; ".join(told) + (f"; {len(errors) - most} more" if len(errors) > most else "")
