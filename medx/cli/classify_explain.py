"""``medx classify explain``: where a classifier looked, and whether that can be believed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from classify.explanation.config import METHODS, ExplainConfig, check_installed
from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    NameOption,
    OfflineOption,
    OutputOption,
    RunOption,
    SeedOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device
from medx.core.words import many

if TYPE_CHECKING:
    from classify.explanation.results import Explanation

SHOWN = 20


def explain(
    context: typer.Context,
    input: Annotated[
        str | None, typer.Argument(help="An image file or a folder. [default: a dataset split]")
    ] = ExplainConfig.input,
    run: RunOption = ExplainConfig.run,
    dataset: DatasetOption = ExplainConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = ExplainConfig.split,
    limit: LimitOption = ExplainConfig.limit,
    method: Annotated[str, typer.Option(help=f"{', '.join(METHODS)}.")] = ExplainConfig.method,
    target: Annotated[
        str | None,
        typer.Option(
            help="Explain this class only. [default: the predicted one; each, with labels]"
        ),
    ] = ExplainConfig.target,
    per_outcome: Annotated[
        int, typer.Option(min=1, help="Most pictures a class and outcome.")
    ] = ExplainConfig.per_outcome,
    sanity: Annotated[
        bool, typer.Option("--sanity", help="Check that random weights destroy the maps.")
    ] = ExplainConfig.sanity,
    batch_size: BatchSizeOption = ExplainConfig.batch_size,
    device: DeviceOption = Device.auto,
    seed: SeedOption = ExplainConfig.seed,
    resamples: Annotated[
        int, typer.Option(min=1, help="Bootstrap samples of the 95 % intervals.")
    ] = ExplainConfig.resamples,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Show where a classifier looked: heat-maps.

    They are measured against boxes and random weights.
    """
    settings = resolve_config(
        ExplainConfig(), given=given_options(context), config_file=config, assignments=assignments
    )
    check_installed()  # before anything is imported that takes seconds
    from classify.explanation.explain import explain as explain_dataset
    from classify.explanation.explain import explain_files
    from classify.runs import choose_run
    from medx.core.console import print_json
    from medx.core.runs import new_run_dir
    from medx.datasets.catalog import load_dataset

    train_dir, chosen = choose_run(settings.run, settings.dataset, data_dir)
    settings = replace(settings, run=str(train_dir), dataset=chosen)
    with new_run_dir("classify", "explain", name=name, output=output) as run_dir:
        if settings.input is not None:
            result = explain_files(train_dir, settings, run_dir)
        else:
            images = load_dataset(chosen, data_dir=data_dir)
            result = explain_dataset(train_dir, images, settings, run_dir)
    print_json(result) if json else _print(result)


def _print(result: Explanation) -> None:
    from medx.core.console import print_line, print_table

    made_up = " (synthetic)" if result.synthetic else ""
    where = f", {result.split}" if result.split else ""
    print_line(
        f"{result.classifier} on {result.source}{made_up}{where}: {result.method} maps of layer "
        f"{result.layer}, n = {result.n}"
    )
    for line in result.notes:
        print_line(line)
    if result.localisation:
        _print_localisation(result)
    if result.sanity:
        _print_sanity(result)
    if result.outcomes:
        kinds = list(next(iter(result.outcomes.values())))
        print_table(
            ((label, *counts.values()) for label, counts in result.outcomes.items()),
            columns=("images by outcome", *kinds),
        )
    else:
        rows = [(i.id, i.label, i.probability, i.zone) for i in result.images[:SHOWN]]
        print_table(rows, columns=("id", "evidence for", "probability", "highest"))
        if len(result.images) > SHOWN:
            print_line(f"… {len(result.images) - SHOWN} more in metrics.json")
    for skipped in result.skipped[:SHOWN]:
        print_line(f"skipped {skipped.id}: {skipped.reason}")
    if result.test_evaluations:
        times = many(result.test_evaluations, "time")
        print_line(f"labels of the test split of {result.source} looked at: {times} so far")
    print_line(f"page: {result.run_dir}/{result.page}")
    print_line(result.disclaimer)


def _print_localisation(result: Explanation) -> None:
    from medx.core.console import print_line, print_table

    print_table(
        (
            (
                row.label,
                row.n,
                row.pointing_game,
                row.chance["pointing_game"],
                row.energy_in_box,
                row.iou,
                row.chance["iou"],
                row.empty_maps,
            )
            for row in result.localisation
        ),
        columns=(
            "maps of the true class",
            "n",
            "pointing game",
            "chance",
            "energy in box",
            "IoU",
            "chance",
            "empty",
        ),
        keep=2,
    )
    print_line(
        f"95 % intervals: {result.bootstrap_resamples} bootstrap resamples by "
        f"{result.bootstrap_unit}, seed {result.bootstrap_seed}; exact binomial where all are 0 "
        "or 1"
    )


def _print_sanity(result: Explanation) -> None:
    from medx.core.console import print_line, print_table

    sanity = result.sanity
    if sanity is None:
        return
    print_table(
        ((step.down_to, step.random_share, step.correlation) for step in sanity.steps),
        columns=("weights random down to", "share", "rank correlation with the map"),
    )
    verdict = "passed" if sanity.passed else "FAILED: the maps survive random weights"
    print_line(
        f"sanity check on {sanity.n} maps, {sanity.draws} random networks: {verdict} "
        f"(limit {sanity.limit})"
    )
