"""``medx classify sweep``: many settings judged on val, the best written as a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classify.tuning.search_space import SELECTIONS, SweepConfig, read_space
from medx.cli.options import (
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    ResumeOption,
    SeedOption,
    SetOption,
    given_options,
)
from medx.core.device import Device

if TYPE_CHECKING:
    from classify.tuning.result import SweepResult, Tried

SHOWN = 20

GridOption = Annotated[
    list[str] | None,
    typer.Option("--grid", help="Values of one setting: learning_rate=1e-3,3e-3; may be repeated."),
]
SpaceOption = Annotated[
    Path | None, typer.Option("--space", help="YAML file of name: [value, value] lines.")
]
RandomOption = Annotated[
    int | None,
    typer.Option(
        "--random", min=1, help="Draw N combinations, also from ranges: learning_rate=1e-4..1e-2."
    ),
]
FoldsOption = Annotated[
    int | None, typer.Option("--folds", min=2, help="Judge on N folds of train and val.")
]
SeedsOption = Annotated[
    int, typer.Option("--seeds", min=1, help="Train each combination from N seeds.")
]
SelectOption = Annotated[
    str, typer.Option("--select", help=f"Best by what, on val: {', '.join(SELECTIONS)}.")
]


def sweep(
    context: typer.Context,
    grid: GridOption = None,
    space: SpaceOption = None,
    random: RandomOption = SweepConfig.random,
    folds: FoldsOption = SweepConfig.folds,
    seeds: SeedsOption = SweepConfig.seeds,
    select: SelectOption = SweepConfig.select,
    recipe: Annotated[
        str | None, typer.Option(help="Name or YAML file of the settings not tried.")
    ] = None,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    limit: LimitOption = None,
    device: DeviceOption = Device.auto,
    seed: SeedOption = SweepConfig.seed,
    name: NameOption = None,
    output: OutputOption = None,
    resume: ResumeOption = False,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Try settings of training and rank them on val.

    Test is out of reach.
    """
    from classify.tuning.sweep import sweep as run_sweep
    from medx.cli.train_settings import resolve_training
    from medx.core.console import print_json
    from medx.core.errors import InputError
    from medx.core.runs import create_run_dir

    wanted = SweepConfig(
        space=read_space(space, grid or []),
        random=random,
        folds=folds,
        seeds=seeds,
        select=select,
        seed=seed,
    )
    if resume and not name and not output:
        raise InputError("which sweep?", hint="name it with --name or --output")
    base, images = resolve_training(given_options(context), config, assignments, data_dir)
    run_dir = create_run_dir("classify", "sweep", name=name, output=output, resume=resume)
    result = run_sweep(wanted, base, run_dir, images, resume=resume)
    print_json(result) if json else _print(result)


def _print(result: SweepResult) -> None:
    from medx.core.console import print_line, print_table

    made_up = " (synthetic)" if result.synthetic else ""
    judged = f"{result.folds} folds of train and val" if result.folds else "val"
    often = "" if result.seeds == 1 else f", {result.seeds} seeds each"
    print_line(f"{result.select} on {judged} of {result.dataset}{made_up}{often}")
    print_table(
        (_row(one, list(result.best)) for one in result.leaderboard[:SHOWN]),
        columns=("rank", *result.best, "mean ± sd", "95 % interval"),
    )
    if len(result.leaderboard) > SHOWN:
        print_line(f"… {len(result.leaderboard) - SHOWN} more in metrics.json")
    if result.indistinct:
        print_line(
            f"of the others {result.indistinct} lie in the interval of the best: chance may have "
            "ordered them"
        )
    print_line(result.selection)
    print_line(f"use it: medx classify train --recipe {result.recipe}")
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)


def _row(one: Tried, names: list[str]) -> tuple[object, ...]:
    values = [str(one.settings[name]) for name in names]
    if one.mean is None:
        return (one.rank, *values, "failed", None)
    spread = "" if one.sd is None else f" ± {one.sd:.4f}"
    interval = None if one.low is None else f"{one.low:.4f} to {one.high:.4f}"
    return (one.rank, *values, f"{one.mean:.4f}{spread}", interval)
