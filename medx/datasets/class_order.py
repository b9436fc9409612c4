"""The order of classes that come without one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DENIES = re.compile(
    r"^(no|non|not|without)(?![a-z])"
    r"|(?<![a-z])(normal|healthy|negative|uninfected|unremarkable|control|absent|none)(?![a-z])",
    re.I,
)


def order_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Return classes by name; of two, the one that denies comes first and the other is positive."""
    names = sorted(set(labels))
    if len(names) == 2:
        names.sort(key=lambda name: not _DENIES.search(name))
    return tuple(names)
