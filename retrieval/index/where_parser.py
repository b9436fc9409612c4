"""The grammar of a metadata filter.

::

    filter    = all { "or" all }
    all       = one { "and" one }
    one       = "not" one | "(" filter ")" | column test
    test      = ("=" | "!=" | "<" | "<=" | ">" | ">=") value
              | ["not"] "in" "(" value { "," value } ")"
              | ["not"] "like" text
              | "is" ["not"] "null"
    column    = name | "`" any text "`"
    value     = number | text
    text      = "'" … "'" | '"' … '"'      the quote itself is written twice
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn, cast

from medx.core.errors import InputError, UnknownNameError
from medx.core.pointing import point_at
from retrieval.index.where_expression import (
    KEYWORDS,
    PLAIN_NAME,
    Compare,
    Expression,
    In,
    IsNull,
    Like,
    Operator,
    Scalar,
    all_of,
    any_of,
    negate,
)

LONGEST, DEEPEST = 100_000, 50
#: From here on a double no longer tells neighbouring whole numbers apart.
LARGEST_WHOLE = 2**53
EXAMPLE = "write it like: label = 'pneumonia' and split in ('train', 'val') and age >= 40"
SAME_AS = {"==": "=", "<>": "!="}
TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w))
    |(?P<word>{PLAIN_NAME.pattern})
    |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<name>`(?:[^`]|``)+`)
    |(?P<operator><=|>=|!=|<>|==|=|<|>)
    |(?P<mark>[(),])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A piece of the text; ``kind`` is ``number``, ``word``, ``text``, ``name``, … or ``end``."""

    kind: str
    text: str
    start: int

    @property
    def keyword(self) -> str | None:
        """The keyword it is, in lower case."""
        return self.text.lower() if self.kind == "word" and self.text.lower() in KEYWORDS else None

    @property
    def content(self) -> str:
        """What stands between the quotes."""
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


def parse_expression(text: str, columns: Collection[str]) -> Expression:
    """Return the tree of a filter over ``columns``.

    Raises:
        InputError: When it cannot be read; the message points at the place.
    """
    if len(text) > LONGEST:
        raise InputError(f"the filter is longer than {LONGEST} characters", hint=EXAMPLE)
    return _Parser(text, columns).parse()


class _Parser:
    def __init__(self, text: str, columns: Collection[str]) -> None:
        self._text = text
        self._columns = columns
        self._tokens = self._split()
        self._next = 0
        self._depth = 0

    def parse(self) -> Expression:
        if self._token.kind == "end":
            raise InputError("the filter is empty", hint=EXAMPLE)
        expression = self._any()
        if self._token.kind != "end":
            self._fail("expected 'and', 'or' or the end")
        return expression

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += token.kind != "end"
        return token

    def _took(self, *wanted: str) -> bool:
        """Step over the wanted keywords or marks if they all come next."""
        coming = self._tokens[self._next : self._next + len(wanted)]
        found = [t.keyword or (t.text if t.kind == "mark" else None) for t in coming]
        if found != list(wanted):
            return False
        self._next += len(wanted)
        return True

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._took("or"):
            parts.append(self._all())
        return any_of(parts)

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._took("and"):
            parts.append(self._one())
        return all_of(parts)

    def _one(self) -> Expression:
        negated = False
        while self._took("not"):
            negated = not negated
        expression = self._inner() if self._token.text == "(" else self._test(self._column())
        return negate(expression) if negated else expression

    def _inner(self) -> Expression:
        if self._depth == DEEPEST:
            self._fail(f"more than {DEEPEST} parentheses in each other")
        opening = self._take()
        self._depth += 1
        expression = self._any()
        if not self._took(")"):
            if self._token.kind == "end":
                self._fail("this parenthesis is never closed", opening)
            self._fail("expected 'and', 'or' or ')'")
        self._depth -= 1
        return expression

    def _column(self) -> str:
        token = self._token
        if token.kind == "text":
            self._fail("expected a column name; write one with odd characters in `backticks`")
        if token.keyword or token.kind not in {"word", "name"}:
            self._fail("expected a column name")
        name = token.content if token.kind == "name" else token.text
        if name not in self._columns:
            error = UnknownNameError("column", name, self._columns)
            self._fail(str(error), hint=error.hint)
        self._take()
        return name

    def _test(self, column: str) -> Expression:
        if self._token.kind == "operator":
            sign = self._take().text
            operator = cast("Operator", SAME_AS.get(sign, sign))
            return Compare(column, operator, self._value())
        if self._took("is"):
            negated = self._took("not")
            if not self._took("null"):
                self._fail("expected 'null'")
            return IsNull(column, negated)
        negated = self._took("not")
        if self._took("in", "("):
            return In(column, self._values(), negated)
        if self._took("like"):
            if self._token.kind != "text":
                self._fail("expected a text in quotes, such as 'chest%'")
            return Like(column, self._take().content, negated)
        self._fail("expected =, !=, <, <=, >, >=, in (…), like or is null")

    def _values(self) -> tuple[Scalar, ...]:
        values = [self._value()]
        while self._took(","):
            token = self._token
            values.append(self._value())
            if isinstance(values[-1], str) != isinstance(values[0], str):
                self._fail("in (…) takes either numbers or texts, not both", token)
        if not self._took(")"):
            self._fail("expected ',' or ')'")
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._token
        if token.keyword == "null":
            self._fail("nothing compares with null; write: is null, or: is not null")
        if token.kind == "word":
            self._fail(f"expected a value; text goes in quotes: '{token.text}'")
        if token.kind not in {"number", "text"}:
            self._fail("expected a number, or a text in quotes")
        return self._take().content if token.kind == "text" else self._number(self._take())

    def _number(self, token: Token) -> int | float:
        value = float(token.text)
        whole = re.fullmatch(r"[+-]?[0-9]+", token.text)
        if math.isinf(value) or (whole and abs(value) >= LARGEST_WHOLE):
            self._fail("too large a number to compare exactly; put it in quotes", token)
        return int(token.text) if whole else value

    def _split(self) -> list[Token]:
        tokens, at = [], 0
        while at < len(self._text):
            found = TOKEN.match(self._text, at)
            if found is None:
                self._refuse_character(at)
            if found.lastgroup != "space":
                tokens.append(Token(str(found.lastgroup), found.group(), at))
            at = found.end()
        return [*tokens, Token("end", "", at)]

    def _refuse_character(self, at: int) -> NoReturn:
        character = self._text[at]
        problem = {
            "'": "this quote is never closed",
            '"': "this quote is never closed",
            "`": "this backtick is never closed",
        }.get(character, f"cannot read {character!r} here")
        self._fail(problem, Token("", character, at))

    def _fail(
        self, problem: str, token: Token | None = None, *, hint: str | None = None
    ) -> NoReturn:
        token = token or self._token
        drawing = point_at(self._text, token.start, len(token.text))
        raise InputError(
            f"cannot read the filter: {problem}\n{drawing}",
            hint=hint or EXAMPLE,
        )
