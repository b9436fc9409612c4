"""Which class name means that nothing is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NORMAL = re.compile(
    r"\b(normal|healthy|negative|no[ _-]finding|no[ _-]abnormality|unremarkable|uninfected)\b", re.I
)


def is_normal(label: str) -> bool:
    """Return True when a class name says that nothing is wrong."""
    return bool(_NORMAL.search(label))


def normal_label(classes: Sequence[str]) -> str | None:
    """Return the class that means that nothing is wrong, or None.

    Names decide; of two classes of which neither is telling, the first is the negative one.
    """
    named = [name for name in classes if is_normal(name)]
    if named:
        return named[0]
    return classes[0] if len(classes) == 2 else None
