"""The order of classes that come without one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DENIAL = re.compile(r"(no|non|not|without)(?![a-z])", re.I)
_NOTHING = re.compile(
    r"(?<![a-z])(normal|healthy|negative|uninfected|unremarkable|control|absent|none)(?![a-z])",
    re.I,
)


def begins_with_denial(label: str) -> bool:
    """Return True for "no effusion" and "non-smoker", whose first word denies the rest."""
    return _DENIAL.match(label) is not None


def order_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Return classes by name; of two, the one that denies comes first and the other is positive."""
    names = sorted(set(labels))
    if len(names) == 2:
        names.sort(key=lambda name: not _denies(name))
    return tuple(names)


def _denies(label: str) -> bool:
    return begins_with_denial(label) or _NOTHING.search(label) is not None
