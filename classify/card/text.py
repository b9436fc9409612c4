"""The pieces a model card is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from classify.evaluation.measured import Measured


@dataclass(frozen=True, kw_only=True)
class Block:
    """A heading, a paragraph, a list and a table; each may be empty."""

    heading: str = ""
    text: str = ""
    items: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """A titled part of the card."""

    title: str
    blocks: tuple[Block, ...]


def metric_table(
    heading: str,
    measured: Mapping[str, Measured | None],
    *,
    chance: Mapping[str, float] | None = None,
    text: str = "",
) -> Block:
    """Return metrics with their intervals, a column each of ``measured``, chance beside them.

    Args:
        heading: What was measured on.
        measured: Column title → metrics; None leaves the column out.
        chance: Metric → what guessing reaches.
        text: A sentence above the table.
    """
    kept = {title: metrics for title, metrics in measured.items() if metrics}
    names = list(dict.fromkeys(name for metrics in kept.values() for name in metrics))
    rows = []
    for name in names:
        cells = [_interval(metrics.get(name)) for metrics in kept.values()]
        level = [] if chance is None else [f"{chance[name]:.3f}" if name in chance else "–"]
        rows.append((name.replace("_", " "), *cells, *level))
    columns = ("metric [95 % interval]", *kept, *([] if chance is None else ["chance"]))
    return Block(heading=heading, text=text, columns=columns, rows=tuple(rows))


def say_decision(operating_point: float | None, rule: str | None) -> str:
    """Return what figures were decided by, as the title of their column."""
    if operating_point is None:
        return "most probable class"
    how = "as given" if rule == "given" else f"{rule}, chosen on val"
    return f"at {operating_point:.3f}, {how}"


def _interval(value: Any) -> str:
    return "–" if value is None else str(value)
