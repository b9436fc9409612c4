"""What commands that write reports make of their options before any work."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from medx.cli.options import given_options
from medx.core.errors import InputError
from reportgen.config import ReportConfig
from reportgen.strategies import STRATEGIES

if TYPE_CHECKING:
    from reportgen.strategies.base import Strategy

ALL = "all"
#: What decides which images a run is about.
SAME_IN_A_RUN = ("dataset", "split", "limit", "num_samples", "seed")


def report_config(context: typer.Context, **known: Any) -> ReportConfig:
    """Return the settings of a command whose parameters are called as they are.

    Args:
        context: Of the command.
        known: What is already known of them.
    """
    said = {
        f.name: context.params[f.name] for f in fields(ReportConfig) if f.name in context.params
    }
    wanted = context.params.get("strategy") or ReportConfig.strategies
    weights, device = context.params.get("weights"), context.params["device"]
    said |= {
        "strategies": expand_strategies(wanted),
        "weights": str(weights) if weights else None,
        "device": device.value,
        "images": None,
    }
    try:
        return ReportConfig(**{**said, **known})
    except ValueError as error:
        raise InputError(f"bad setting: {error}") from error


def load_strategies(names: Sequence[str]) -> list[Strategy]:
    """Return strategies by name or file.

    Raises:
        InputError: When two have one name: their reports would, too.
    """
    from reportgen.strategies.load import load_strategy

    strategies = [load_strategy(name) for name in names]
    called = [strategy.name for strategy in strategies]
    for name in called:
        if called.count(name) > 1:
            raise InputError(f"two strategies are called {name!r}", hint="give one another name")
    return strategies


def check_usage(given: Mapping[str, Any]) -> None:
    """Refuse options that make no sense together.

    Args:
        given: Those that were typed.

    Raises:
        InputError: When some do not.
    """
    check_named(given)
    unused = sorted(given.keys() & {"num_samples", "split"})
    if given.get("images") and unused:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in unused)
        raise InputError(f"{names} cannot go with IMAGES: every file is reported on")


def check_named(given: Mapping[str, Any]) -> None:
    """Refuse to go on with a run that was not named.

    Args:
        given: The options that were typed.

    Raises:
        InputError: When ``--resume`` stands alone.
    """
    if given.get("resume") and not given.keys() & {"name", "output"}:
        raise InputError("--resume needs the --name or --output of the run to continue")


def check_resumed(run_dir: Path, config: ReportConfig) -> None:
    """Refuse to go on with other images than those the run was started with.

    Raises:
        InputError: When a setting that decides on them differs.
    """
    from medx.core.runs import load_config

    if not (run_dir / "config.yaml").is_file():
        return
    before, after = load_config(run_dir), asdict(config)
    for name in SAME_IN_A_RUN:
        if name in before and before[name] != after[name]:
            option = f"--{name.replace('_', '-')}"
            way = f"leave out {option}" if before[name] is None else f"pass {option} {before[name]}"
            raise InputError(
                f"{run_dir} was started with {name} {before[name]}, not {after[name]}",
                hint=f"{way}, or choose another --name",
            )


def command_to_go_on(context: typer.Context, run_dir: Path) -> str:
    """Return the command that was typed as one that continues its run."""
    words = context.command_path.split()
    given = given_options(context)
    words += [str(path) for path in given.pop("images", None) or []]
    if not given.keys() & {"name", "output"}:
        given["output"] = run_dir
    for name, value in {**given, "resume": True}.items():
        option = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is True:
                words.append(option)
            elif one is not False and one is not None:
                words += [option, str(one)]
    return shlex.join(words)


def expand_strategies(names: Sequence[str]) -> tuple[str, ...]:
    """Return names and files, once each, with every built-in one in the place of ``all``."""
    wanted = [known for name in names for known in (STRATEGIES if name == ALL else [name])]
    return tuple(dict.fromkeys(wanted))
