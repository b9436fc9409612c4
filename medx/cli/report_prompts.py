"""``medx report prompts``: the prompts that reports come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import JsonOption

if TYPE_CHECKING:
    from reportgen.strategies.check import StrategyCheck

app = typer.Typer(help="List, show and check prompt strategies.", no_args_is_help=True)

StrategyArgument = Annotated[
    str, typer.Argument(metavar="NAME|FILE", help="A built-in strategy or your own file.")
]


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the built-in strategies."""
    from medx.core.console import print_json, print_table
    from reportgen.strategies.listing import list_strategies

    listing = list_strategies()
    if json:
        print_json(listing)
        return
    print_table(
        ((s.name, s.version, ", ".join(s.sections), s.max_new_tokens) for s in listing.strategies),
        columns=("strategy", "version", "sections", "tokens"),
    )


@app.command()
def show(
    name: StrategyArgument,
    filled: Annotated[
        bool, typer.Option("--filled", help="Show what an engine gets, on invented evidence.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show a strategy's file; start your own from it."""
    from medx.core.console import print_json, print_line
    from reportgen.prompt import render_prompt
    from reportgen.strategies.example import example_evidence
    from reportgen.strategies.listing import describe_strategy
    from reportgen.strategies.load import load_strategy, read_strategy

    strategy = load_strategy(name)
    if json:
        print_json(describe_strategy(strategy))
    elif filled:
        prompt = render_prompt(strategy, example_evidence())
        print_line(f"system: {prompt.system}\n\n{prompt.text}")
    else:
        print_line(read_strategy(name).rstrip())


@app.command()
def check(name: StrategyArgument, json: JsonOption = False) -> None:
    """Fill a strategy with invented evidence.

    Say what it uses, asks for and gets wrong.

    Ends with 1 when it cannot be used.
    """
    from medx.core.console import print_json
    from reportgen.strategies.check import check_strategy

    result = check_strategy(name)
    print_json(result) if json else _print(result)
    if result.problems:
        raise typer.Exit(1)


def _print(result: StrategyCheck) -> None:
    from json import dumps

    from medx.core.console import print_line, print_table

    for problem in result.problems:
        print_line(f"problem: {problem}")
    if result.strategy is None:
        return
    strategy = result.strategy
    print_line(f"{strategy.name}, version {strategy.version}: {strategy.summary}\n")
    rows = (
        (name, "yes" if name in strategy.variables else "", words)
        for name, words in result.available.items()
    )
    print_table(rows, columns=("variable", "used", "what it is"))
    print_line(f"\nJSON schema of an answer:\n{dumps(result.json_schema, ensure_ascii=False)}\n")
    print_line(
        f"prompt about {result.prompt_tokens} tokens, longest answer about "
        f"{result.answer_tokens}, of {strategy.max_new_tokens} allowed"
    )
    for remark in result.remarks:
        print_line(f"remark: {remark}")
    print_line("It can be used.")
