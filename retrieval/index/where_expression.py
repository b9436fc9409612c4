"""What a metadata filter says, as a tree: no part of it is ever evaluated as code.

Negation is pushed into the leaves, so that the tree knows only ``and`` and ``or`` above them. A
leaf that meets a missing value is false. ``str`` of a tree is a text that parses to the same tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

KEYWORDS = frozenset({"and", "or", "not", "in", "like", "is", "null"})
OPPOSITE: dict[Operator, Operator] = {
    "=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
}  # fmt: skip
PLAIN_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Compare:
    """``column < value``: a number compares by value, a text by its characters."""

    column: str
    operator: Operator
    value: Scalar

    def __str__(self) -> str:
        return f"{_name(self.column)} {self.operator} {_literal(self.value)}"


@dataclass(frozen=True)
class In:
    """``column in (values)``: all of them numbers, or all texts."""

    column: str
    values: tuple[Scalar, ...]
    negated: bool = False

    def __str__(self) -> str:
        listed = ", ".join(_literal(value) for value in self.values)
        return f"{_name(self.column)} {'not ' * self.negated}in ({listed})"


@dataclass(frozen=True)
class Like:
    r"""``column like pattern``: ``%`` is any text, ``_`` any character, ``\`` takes its sense."""

    column: str
    pattern: str
    negated: bool = False

    def __str__(self) -> str:
        return f"{_name(self.column)} {'not ' * self.negated}like {_literal(self.pattern)}"


@dataclass(frozen=True)
class IsNull:
    """``column is null``: nothing is known of the image there."""

    column: str
    negated: bool = False

    def __str__(self) -> str:
        return f"{_name(self.column)} is {'not ' * self.negated}null"


@dataclass(frozen=True)
class And:
    """All of at least two parts, none of them an ``And``."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(f"({p})" if isinstance(p, Or) else str(p) for p in self.parts)


@dataclass(frozen=True)
class Or:
    """Any of at least two parts, none of them an ``Or``."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(f"({p})" if isinstance(p, And) else str(p) for p in self.parts)


Leaf: TypeAlias = Compare | In | Like | IsNull
Expression: TypeAlias = Leaf | And | Or


def all_of(parts: Iterable[Expression]) -> Expression:
    """Return the ``and`` of at least one part."""
    flat = [q for p in parts for q in (p.parts if isinstance(p, And) else (p,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Iterable[Expression]) -> Expression:
    """Return the ``or`` of at least one part."""
    flat = [q for p in parts for q in (p.parts if isinstance(p, Or) else (p,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negate(expression: Expression) -> Expression:
    """Return what holds where ``expression`` is known to be false (SQL's ``not``)."""
    if isinstance(expression, And):
        return any_of(negate(part) for part in expression.parts)
    if isinstance(expression, Or):
        return all_of(negate(part) for part in expression.parts)
    if isinstance(expression, Compare):
        return replace(expression, operator=OPPOSITE[expression.operator])
    return replace(expression, negated=not expression.negated)


def columns_of(expression: Expression) -> set[str]:
    """Return the names of the columns a filter looks at."""
    if isinstance(expression, And | Or):
        return set[str]().union(*(columns_of(part) for part in expression.parts))
    return {expression.column}


def _name(column: str) -> str:
    if PLAIN_NAME.fullmatch(column) and column.lower() not in KEYWORDS:
        return column
    return "`" + column.replace("`", "``") + "`"


def _literal(value: Scalar) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
