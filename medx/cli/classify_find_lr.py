"""``medx classify find-lr``: how fast a recipe may learn on a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from classify.config import TrainConfig
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
    SeedOption,
    SetOption,
    given_options,
)
from medx.core.device import Device

if TYPE_CHECKING:
    from classify.tuning.find_lr import RateTest

ROWS = 16


def find_lr(
    context: typer.Context,
    dataset: DatasetOption = TrainConfig.dataset,
    data_dir: DataDirOption = None,
    limit: LimitOption = TrainConfig.limit,
    recipe: Annotated[str | None, typer.Option(help="Settings to start from, as in train.")] = None,
    model: Annotated[str, typer.Option(help="compact-cnn or any timm name.")] = TrainConfig.model,
    steps: Annotated[
        int | None, typer.Option(min=20, help="Steps. [default: one epoch's, 100 at least]")
    ] = None,
    phase: Annotated[
        str, typer.Option(help="network, or head where a recipe trains its head first.")
    ] = "network",
    device: DeviceOption = Device.auto,
    seed: SeedOption = TrainConfig.seed,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Suggest a learning rate.

    It grows until the loss diverges; where the loss falls fastest is suggested.
    """
    from classify.tuning.find_lr import find_learning_rate
    from medx.cli.train_settings import resolve_training
    from medx.core.console import print_json
    from medx.core.runs import new_run_dir

    settings, images = resolve_training(given_options(context), config, assignments, data_dir)
    with new_run_dir("classify", "find-lr", name=name, output=output) as run_dir:
        result = find_learning_rate(settings, run_dir, images, steps=steps, phase=phase)
    print_json(result) if json else _print(result)


def _print(result: RateTest) -> None:
    from medx.core.console import print_line, print_table

    shown = result.steps[:: max(1, len(result.steps) // ROWS)]
    print_table(
        ((f"{s.learning_rate:.1e}", s.loss, s.smoothed) for s in shown),
        columns=("learning rate", "loss", "smoothed"),
    )
    kind = " (synthetic)" if result.synthetic else ""
    end = "stopped where loss diverged" if result.diverged else "loss did not diverge"
    print_line(f"{result.model} on {result.dataset}{kind}: {len(result.steps)} steps, {end}")
    if result.suggested is None:
        print_line(f"no {result.setting} to suggest: loss fell nowhere; try more --steps")
    else:
        print_line(f"--set {result.setting}={result.suggested:.1e} ({result.rule})")
    print_line(f"run: {result.run_dir}")
    print_line(result.disclaimer)
