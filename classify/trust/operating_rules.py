"""What a threshold is chosen for, in words a person types; light to import."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Rules that go by name; ``youden`` is the same threshold as ``balanced_accuracy``.
NAMED_RULES = ("balanced_accuracy", "f1", "accuracy")
SYNONYMS = {"youden": "balanced_accuracy"}

#: Chosen at the end of each training, so that a figure at any of them needs no val images.
STANDARD_RULES = (*NAMED_RULES, "sensitivity>=0.95", "specificity>=0.9", "cost=5")

_PARAMETRIC = re.compile(r"(sensitivity>=|specificity>=|cost=)(\d*\.?\d+)")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule in its parts.

    Args:
        kind: ``balanced_accuracy``, ``f1``, ``accuracy``, ``sensitivity``, ``specificity`` or
            ``cost``.
        value: The least sensitivity or specificity (0 to 1), or how many false alarms a miss costs
            (above 0); None for the others.
    """

    kind: str
    value: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return self.kind
        return f"{self.kind}{'=' if self.kind == 'cost' else '>='}{self.value:g}"


def parse_rule(text: str) -> Rule:
    """Return the rule that a text names.

    Raises:
        ValueError: When it names none.
    """
    compact = text.replace(" ", "").lower()
    name = SYNONYMS.get(compact, compact)
    if name in NAMED_RULES:
        return Rule(kind=name)
    if found := _PARAMETRIC.fullmatch(compact):
        kind, value = found[1].rstrip(">="), float(found[2])
        if value > 0 and (kind == "cost" or value <= 1):
            return Rule(kind=kind, value=value)
    raise ValueError(
        f"rule must be one of {', '.join(NAMED_RULES)}, youden, sensitivity>=X, specificity>=X "
        f"(0 < X <= 1) or cost=X (what a miss costs in false alarms), got {text!r}"
    )


def parse_decision(text: str) -> Rule | float:
    """Return the rule or the threshold (0 to 1) that a text names.

    Raises:
        ValueError: When it names neither.
    """
    try:
        threshold = float(text)
    except ValueError:
        return parse_rule(text)
    if not 0 <= threshold <= 1:
        raise ValueError(f"a threshold must be between 0 and 1, got {text}")
    return threshold
