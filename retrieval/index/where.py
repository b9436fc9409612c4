"""The metadata filter of a search: ``label = 'pneumonia' and split in ('train', 'val')``.

Missing values follow SQL: they fulfil ``is null`` and no other test, negated or not. A number in
the filter compares by value, also with a column of texts, where a text that is no number is a
missing value; a quoted text compares by its characters, upper and lower case apart.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medx.core.errors import InputError
from retrieval.index.where_expression import (
    And,
    Compare,
    Expression,
    In,
    IsNull,
    Leaf,
    Or,
    Scalar,
    columns_of,
)
from retrieval.index.where_parser import parse_expression

#: Texts that are read as numbers: short enough for any of them to fit a double.
NUMBER = r"^[+-]?(\d{1,100}(\.\d{0,100})?|\.\d{1,100})([eE][+-]?\d{1,2})?$"
COMPARE = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


@dataclass(frozen=True)
class Where:
    """A filter that was understood."""

    expression: Expression

    def __str__(self) -> str:
        return str(self.expression)

    @property
    def columns(self) -> set[str]:
        """The columns it looks at."""
        return columns_of(self.expression)

    def mask(self, table: pa.Table) -> npt.NDArray[np.bool_]:
        """Return which rows fulfil it, ``(N,)``; a column the table lacks is missing everywhere.

        Raises:
            InputError: When texts are asked for in a column of numbers, or numbers in one without.
        """
        result = _evaluate(self.expression, table)
        return np.asarray(result.to_numpy(), bool)


def parse_where(text: str, columns: Collection[str]) -> Where:
    """Read a filter over ``columns``.

    Raises:
        InputError: When it cannot be read or names another column; the message points at the place.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("the filter is not valid text (UTF-8)", hint="type it again") from error
    return Where(parse_expression(text, columns))


def _evaluate(expression: Expression, table: pa.Table) -> Any:
    if isinstance(expression, And | Or):
        parts = [_evaluate(part, table) for part in expression.parts]
        return reduce(pc.and_ if isinstance(expression, And) else pc.or_, parts)
    return pc.fill_null(_test(expression, _column(table, expression.column)), False)


def _column(table: pa.Table, name: str) -> Any:
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    column = table.column(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        # Rounding to doubles keeps order, and literals are exact: no comparison changes.
        column = column.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(column), None, column)
    return column.cast(pa.string())


def _test(leaf: Leaf, column: Any) -> Any:
    if isinstance(leaf, IsNull):
        return pc.is_valid(column) if leaf.negated else pc.is_null(column)
    if isinstance(leaf, Compare):
        values = _comparable(column, leaf.value, leaf.column)
        return COMPARE[leaf.operator](values, pa.scalar(leaf.value, values.type))
    if isinstance(leaf, In):
        values = _comparable(column, leaf.values[0], leaf.column)
        found = pc.is_in(values, pa.array(leaf.values, values.type))
        found = pc.if_else(pc.is_valid(values), found, None)
    else:
        values = _comparable(column, leaf.pattern, leaf.column)
        found = pc.match_like(values, leaf.pattern)
    return pc.invert(found) if leaf.negated else found


def _comparable(column: Any, value: Scalar, name: str) -> Any:
    """Return the column as something that compares with ``value``."""
    text = pa.types.is_string(column.type)
    if isinstance(value, str):
        if not text:
            raise InputError(
                f"the filter asks for a text in column {name!r}, which holds numbers",
                hint="write numbers without quotes",
            )
        return column
    if not text:
        return column
    numbers = pc.if_else(pc.match_substring_regex(column, NUMBER), column, None)
    if numbers.null_count == len(numbers) and column.null_count < len(column):
        raise InputError(
            f"the filter asks for a number in column {name!r}, which holds none",
            hint=f"put texts in quotes: {name} = '{value}'",
        )
    return pc.replace_substring_regex(numbers, r"^\+", "").cast(pa.float64())
