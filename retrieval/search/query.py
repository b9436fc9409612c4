"""What is looked for: words and images, each with a weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from medx.core.errors import InputError
from medx.core.images import Pixels

#: ``like`` is an id, a file or a URL: which one is told when the gallery is known.
TermKind = Literal["text", "like", "id", "file", "pixels"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """One part of a query.

    Args:
        kind: What ``value`` is.
        value: The words, the id, the path or URL; for ``pixels``, what to call them.
        weight: How much it counts; below 0 it is looked away from.
        pixels: uint8 ``(H, W)`` or ``(H, W, 3)``, for ``pixels`` only.
    """

    kind: TermKind
    value: str
    weight: float = 1.0
    pixels: Pixels | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f'"{self.value}"' if self.kind == "text" else self.value


@dataclass(frozen=True, eq=False)
class Query:
    """A weighted sum of terms: ``words("nodule") + like("0017") - 0.5 * words("effusion")``.

    Args:
        terms: At least one.
        written: What the user wrote, where that says it better than the terms do.
    """

    terms: tuple[Term, ...]
    written: str = ""

    def __add__(self, other: Query) -> Query:
        return Query((*self.terms, *other.terms))

    def __sub__(self, other: Query) -> Query:
        return self + -other

    def __neg__(self) -> Query:
        return -1.0 * self

    def __mul__(self, weight: float) -> Query:
        return Query(tuple(replace(term, weight=weight * term.weight) for term in self.terms))

    __rmul__ = __mul__

    def __str__(self) -> str:
        return self.written or write_terms((term.weight, str(term)) for term in self.terms)

    @property
    def kind(self) -> str:
        """Return ``text``, ``image``, or ``mixed`` where it has both."""
        kinds = {"text" if term.kind == "text" else "image" for term in self.terms}
        return kinds.pop() if len(kinds) == 1 else "mixed"


def words(text: str) -> Query:
    """Return a query for what a text says.

    Raises:
        InputError: When it is empty.
    """
    if not text.strip():
        raise InputError("nothing to search for: the text is empty", hint="say it in words")
    return Query((Term(kind="text", value=text),), written=text)


def like(image: str | Path) -> Query:
    """Return a query for images like an indexed one, by id, or like a file or URL."""
    name = str(image)
    if not name.strip():
        raise InputError(
            "nothing to search for: the image has no name", hint="name an id or a file"
        )
    kind: TermKind = "file" if isinstance(image, Path) else "like"
    return Query((Term(kind=kind, value=name),), written=name)


def picture(pixels: Pixels, name: str = "image") -> Query:
    """Return a query for images like uint8 pixels ``(H, W)`` or ``(H, W, 3)``."""
    return Query((Term(kind="pixels", value=name, pixels=pixels),), written=name)


def as_query(asked: Query | str | Path | Pixels) -> Query:
    """Return what a caller asked as a query: a string is words, a path or an array an image."""
    if isinstance(asked, Query):
        return asked
    if isinstance(asked, np.ndarray):
        return picture(asked)
    return like(asked) if isinstance(asked, Path) else words(asked)


def write_terms(terms: Iterable[tuple[float, str]]) -> str:
    """Return weighted terms as an expression."""
    text = ""
    for weight, term in terms:
        sign = " - " if weight < 0 else " + "
        size = "" if abs(weight) == 1 else f"{abs(weight):g} * "
        text += f"{sign}{size}{term}"
    return text.removeprefix(" + ").strip()
