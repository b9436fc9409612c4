"""``medx report prompts``."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import JsonOption


def prompts(
    name: Annotated[
        str | None, typer.Argument(help="Show the whole prompt of this strategy.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the prompt strategies, or show one."""
    from medx.core.console import print_json, print_line, print_table
    from reportgen.strategies.listing import describe_strategy, list_strategies

    if name:
        strategy = describe_strategy(name)
        if json:
            print_json(strategy)
        else:
            print_line(f"{strategy.name}, version {strategy.version}: {strategy.summary}\n")
            print_line(f"system: {strategy.system_prompt}\n\n{strategy.template.strip()}")
        return
    listing = list_strategies()
    if json:
        print_json(listing)
        return
    print_table(
        ((s.name, s.version, ", ".join(s.sections), s.max_new_tokens) for s in listing.strategies),
        columns=("strategy", "version", "sections", "tokens"),
    )
