"""A metadata filter in Milvus's own language.

What every image has stands in columns of its own; the rest is in one JSON column. A text that reads
as a number is there a second time as a number. Missing is written as ``ABSENT`` in a column and as
no key in the JSON: Milvus versions differ in what a comparison with null gives, but not in these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from medx.core.errors import InputError
from retrieval.index.where import NUMBER
from retrieval.index.where_expression import (
    And,
    Compare,
    Expression,
    In,
    IsNull,
    Leaf,
    Like,
    Or,
    Scalar,
)

#: Columns with their greatest length in bytes. Milvus sizes its segments by these lengths.
TEXT_COLUMNS: Final[Mapping[str, int]] = {
    "id": 512,
    "content_hash": 128,
    "label": 512,
    "split": 128,
    "group": 512,
}
JSON_COLUMN = "more"
#: A character for private use. Milvus cuts texts at a zero byte, which it could not be.
ABSENT = "\ue000"
NUMBER_SUFFIX = "__number"
OPERATORS: Final = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_NUMBER = re.compile(NUMBER)


def json_key(column: str) -> str:
    """Return the key of a column in the JSON: its name, or its bytes where that is not plain."""
    return column if _PLAIN_KEY.fullmatch(column) else f"x__{column.encode().hex()}"


def column_of(key: str) -> str:
    """Return the column that ``json_key`` made a key of."""
    return bytes.fromhex(key[3:]).decode() if key.startswith("x__") else key


def as_number(value: str | None) -> float | None:
    """Return what a value counts as when a filter compares it with a number."""
    return float(value) if value is not None and _NUMBER.fullmatch(value) else None


def print_filter(expression: Expression) -> str:
    """Return the filter as Milvus reads it.

    Raises:
        InputError: When Milvus has no such test.
    """
    if isinstance(expression, And | Or):
        joint = " and " if isinstance(expression, And) else " or "
        return "(" + joint.join(print_filter(part) for part in expression.parts) + ")"
    return f"({_leaf(expression)})"


def literal(value: Scalar) -> str:
    """Return a text or number as Milvus reads it."""
    if not isinstance(value, str):
        return repr(float(value))
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def _leaf(leaf: Leaf) -> str:
    if isinstance(leaf, IsNull):
        return _known(leaf.column) if leaf.negated else _missing(leaf.column)
    if isinstance(leaf, Compare):
        value: Scalar = leaf.value
        test = f"{_place(leaf.column, value)} {OPERATORS[leaf.operator]} {literal(value)}"
    elif isinstance(leaf, In):
        value = leaf.values[0]
        test = _any_of(_place(leaf.column, value), leaf.values, negated=leaf.negated)
    else:
        value = leaf.pattern
        matched = f"{_place(leaf.column, value)} like {literal(_pattern(leaf))}"
        test = f"not ({matched})" if leaf.negated else matched
    return f"{_known(leaf.column, number=not isinstance(value, str))} and {test}"


def _any_of(place: str, values: tuple[Scalar, ...], *, negated: bool) -> str:
    if place in TEXT_COLUMNS:
        listed = ", ".join(literal(value) for value in values)
        return f"{place} {'not ' * negated}in [{listed}]"
    sign, joint = ("!=", " and ") if negated else ("==", " or ")
    return "(" + joint.join(f"{place} {sign} {literal(value)}" for value in values) + ")"


def _place(column: str, value: Scalar) -> str:
    if isinstance(value, str):
        return column if column in TEXT_COLUMNS else _in_json(json_key(column))
    return _in_json(json_key(column) + NUMBER_SUFFIX)


def _known(column: str, *, number: bool = False) -> str:
    if number:
        return f"(exists {_in_json(json_key(column) + NUMBER_SUFFIX)})"
    if column in TEXT_COLUMNS:
        return f"{column} != {literal(ABSENT)}"
    return f"(exists {_in_json(json_key(column))})"


def _missing(column: str) -> str:
    if column in TEXT_COLUMNS:
        return f"{column} == {literal(ABSENT)}"
    return f"not {_known(column)}"


def _in_json(key: str) -> str:
    return f"{JSON_COLUMN}[{json.dumps(key)}]"


def _pattern(leaf: Like) -> str:
    """Return the pattern where Milvus reads it as SQL does: wildcards only at the two ends."""
    inner = leaf.pattern.strip("%")
    if re.search(r"[%_\\*?\[\]]", inner):
        raise InputError(
            f"Milvus cannot look for {leaf.pattern!r}",
            hint="there, % may only stand at the beginning or the end of a pattern",
        )
    return leaf.pattern
