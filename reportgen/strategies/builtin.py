"""The strategies that come with medx: files like a user's own."""

from __future__ import annotations

from importlib import resources

from reportgen.strategies.base import Strategy
from reportgen.strategies.strategy_file import parse_strategy


def read_builtin(name: str) -> str:
    """Return the file of a built-in strategy."""
    return resources.files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8")


def _built_in(name: str) -> Strategy:
    return parse_strategy(read_builtin(name), f"{name}.md")


CONCISE = _built_in("concise")
STRUCTURED = _built_in("structured")
DIFFERENTIAL = _built_in("differential")
GROUNDED = _built_in("grounded")
