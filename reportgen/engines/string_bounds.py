"""How long the strings of a JSON answer may be, kept apart from its grammar.

A grammar that counts characters is slow: with Gemma's vocabulary, two strings of up to 400
characters take xgrammar a hundred times as long to compile and twenty times as long a token as two
of any length. Counting needs no grammar.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

#: Names of the fields that lead to a value; ``*`` for any entry of a list.
Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Fewest and most characters of a string; ``most`` None: any number."""

    fewest: int = 0
    most: int | None = None


def take_bounds(schema: type[BaseModel]) -> tuple[str, dict[Path, Bounds]]:
    """Return a model's JSON schema without the bounds of its strings, and those bounds by path.

    Strings that are not plainly a field, such as entries of a list or members of a union, keep
    theirs in the schema.
    """
    whole = schema.model_json_schema()
    bounds: dict[Path, Bounds] = {}
    free = _take(whole, whole.get("$defs", {}), (), bounds)
    return json.dumps({**free, "$defs": whole.get("$defs", {})}), bounds


class Cursor:
    """Where in a JSON document without escapes a text ends.

    Attributes:
        in_string: Whether between two quotes.
        length: Characters of that string so far.
    """

    def __init__(self) -> None:
        self.in_string = False
        self.length = 0
        self._path: list[str] = []
        self._string = ""
        self._structural = ""

    def read(self, text: str) -> None:
        """Go on over the next piece of the document."""
        for character in text:
            if character == '"':
                self.in_string = not self.in_string
                if self.in_string:
                    self._string, self.length = "", 0
            elif self.in_string:
                self._string += character
                self.length += 1
            elif not character.isspace():
                self._move(character)

    @property
    def path(self) -> Path | None:
        """The field whose value this string is; None in a name or outside a string."""
        return tuple(self._path) if self.in_string and self._structural == ":" else None

    def _move(self, character: str) -> None:
        self._structural = character
        if character in "{[":
            self._path.append("*" if character == "[" else "")
        elif character in "}]":
            self._path.pop()
        elif character == ":":
            self._path[-1] = self._string


def _take(
    schema: dict[str, Any], known: dict[str, Any], path: Path, bounds: dict[Path, Bounds]
) -> dict[str, Any]:
    """Return ``schema`` without bounds, which are added to ``bounds``; references are resolved."""
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        fields = {
            name: _take(field, known, (*path, name), bounds)
            for name, field in schema["properties"].items()
        }
        return {**schema, "properties": fields}
    if isinstance(schema.get("items"), dict) and "properties" in _resolve(schema["items"], known):
        return {**schema, "items": _take(schema["items"], known, (*path, "*"), bounds)}
    if schema.get("type") == "string" and not schema.keys() & {"enum", "const", "pattern"}:
        bounds[path] = Bounds(fewest=schema.get("minLength", 0), most=schema.get("maxLength"))
        return {k: v for k, v in schema.items() if k not in ("minLength", "maxLength")}
    return schema


def _resolve(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    return known[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
