"""Phrase templates: ``no (sign|evidence) of [acute]`` stands for four phrases."""

from __future__ import annotations

import re
from itertools import product

_PARTS = re.compile(r"[()\[\]|]|[^()\[\]|\s]+")


def expand(template: str) -> list[tuple[str, ...]]:
    """Return every phrase of a template, each as its words, once each.

    Raises:
        ValueError: When its brackets do not match.
    """
    parts = _PARTS.findall(template)
    phrases, position = _choices(parts, 0)
    if position < len(parts):
        raise ValueError(f"brackets must match, got {template!r}")
    return list(dict.fromkeys(phrase for phrase in phrases if phrase))


def _choices(parts: list[str], position: int) -> tuple[list[tuple[str, ...]], int]:
    """Read alternatives up to the bracket that closes them."""
    found: list[tuple[str, ...]] = []
    row: list[list[tuple[str, ...]]] = []
    while position < len(parts) and parts[position] not in ")]":
        part = parts[position]
        position += 1
        if part == "|":
            found += _sequences(row)
            row = []
        elif part in "([":
            inner, position = _choices(parts, position)
            if position == len(parts):
                raise ValueError(f"brackets must match, got {' '.join(parts)!r}")
            row.append([(), *inner] if part == "[" else inner)
            position += 1
        else:
            row.append([(part.strip('"'),)])
    return found + _sequences(row), position


def _sequences(row: list[list[tuple[str, ...]]]) -> list[tuple[str, ...]]:
    return [tuple(word for part in parts for word in part) for parts in product(*row)]
