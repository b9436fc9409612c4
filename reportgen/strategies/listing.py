"""Strategies as values that can be printed."""

from __future__ import annotations

from pydantic import Field

from medx.core.values import Value
from reportgen.strategies import STRATEGIES
from reportgen.strategies.base import Strategy
from reportgen.strategies.templates import variables_used


class StrategyInfo(Value):
    """One prompt strategy."""

    name: str
    version: int
    summary: str
    sections: list[str]
    variables: list[str] = Field(description="What its prompt takes from the evidence.")
    max_new_tokens: int
    system_prompt: str
    template: str


class StrategyListing(Value):
    """All prompt strategies."""

    schema_version: int = 2
    strategies: list[StrategyInfo]


def describe_strategy(strategy: Strategy) -> StrategyInfo:
    """Return a strategy as a value."""
    return StrategyInfo(
        name=strategy.name,
        version=strategy.version,
        summary=strategy.summary,
        sections=[section.name for section in strategy.sections],
        variables=variables_used(strategy),
        max_new_tokens=strategy.max_new_tokens,
        system_prompt=strategy.system_prompt,
        template=strategy.template,
    )


def list_strategies() -> StrategyListing:
    """Return every strategy in the registry."""
    found = [describe_strategy(STRATEGIES.load(name)) for name in STRATEGIES]
    return StrategyListing(strategies=found)
