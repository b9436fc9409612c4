"""``medx classify``: train a classifier, measure it, use it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from classify.config import TrainConfig
from medx.cli import classify_tables as tables
from medx.cli.classify_card import card
from medx.cli.classify_compare import compare
from medx.cli.classify_evaluate import evaluate
from medx.cli.classify_explain import explain
from medx.cli.classify_export import export
from medx.cli.classify_find_lr import find_lr
from medx.cli.classify_predict import predict
from medx.cli.classify_recipes import recipes
from medx.cli.classify_robustness import robustness
from medx.cli.classify_sweep import sweep
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

app = typer.Typer(help="Train a classifier, measure it, use it.", no_args_is_help=True)
app.command()(evaluate)
app.command()(explain)
app.command()(robustness)
app.command()(compare)
app.command()(predict)
app.command()(recipes)
app.command()(export)
app.command()(card)
app.command()(sweep)
app.command("find-lr")(find_lr)


@app.command()
def train(
    context: typer.Context,
    dataset: DatasetOption = TrainConfig.dataset,
    data_dir: DataDirOption = None,
    limit: LimitOption = TrainConfig.limit,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Settings to start from: a name of `medx classify recipes`, or a YAML file. "
            "[default: by the size of the images]",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="compact-cnn, efficientnet_b0, resnet18 or any timm name.")
    ] = TrainConfig.model,
    pretrained: Annotated[
        bool, typer.Option(help="Start a timm model from its published weights.")
    ] = TrainConfig.pretrained,
    weights: Annotated[
        str | None, typer.Option(help="Start a timm model from this .safetensors file.")
    ] = TrainConfig.weights,
    encoder: Annotated[
        str | None,
        typer.Option(help="For --recipe linear-probe: a retrieval encoder, as `compact`."),
    ] = TrainConfig.encoder,
    size: Annotated[
        int | None, typer.Option(min=16, help="Side of the input in pixels.")
    ] = TrainConfig.size,
    members: Annotated[
        int, typer.Option(min=1, help="Networks of the ensemble.")
    ] = TrainConfig.members,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over train.")] = TrainConfig.epochs,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Images a step. [default: 128, fewer for small datasets]"),
    ] = TrainConfig.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="Peak of the schedule.")
    ] = TrainConfig.learning_rate,
    focal_gamma: Annotated[
        float, typer.Option(min=0, help="Focusing exponent; 0 is cross-entropy.")
    ] = TrainConfig.focal_gamma,
    class_weights: Annotated[
        str | None,
        typer.Option(
            help="none, inverse-frequency, class-balanced, or one weight a class: 0.6,0.4. "
            "[default: none]"
        ),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="Stop after N epochs without a better val AUC.")
    ] = TrainConfig.patience,
    precision: Annotated[
        str, typer.Option(help="fp32, bf16, fp16 or auto.")
    ] = TrainConfig.precision,
    operating_point: Annotated[
        str,
        typer.Option(
            help="What the threshold is chosen for on val: balanced_accuracy (youden), f1, "
            "accuracy, sensitivity>=0.95, specificity>=0.9 or cost=5."
        ),
    ] = TrainConfig.operating_point,
    calibration: Annotated[
        str, typer.Option(help="Of probabilities, on val: temperature, vector or none.")
    ] = TrainConfig.calibration,
    device: DeviceOption = Device.auto,
    seed: SeedOption = TrainConfig.seed,
    name: NameOption = None,
    output: OutputOption = None,
    resume: ResumeOption = False,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Train on the train split and choose on val.

    Epoch, temperature and threshold are what is chosen.
    """
    from classify.runs import latest_unfinished, stored_settings
    from classify.training.train import train as run_training
    from medx.cli.train_settings import resolve_training
    from medx.core.console import print_json
    from medx.core.processes import from_main, is_main
    from medx.core.runs import create_run_dir, withdrawn

    def make_run_dir() -> Path:
        where = latest_unfinished() if resume and not name and not output else output
        return create_run_dir("classify", "train", name=name, output=where, resume=resume)

    run_dir = from_main(make_run_dir)
    stored = stored_settings(run_dir) if resume else None
    # Ctrl-C is no failure: --resume goes on from the settings.
    with withdrawn(run_dir, on=Exception) if is_main() else nullcontext():
        settings, images = resolve_training(
            given_options(context), config, assignments, data_dir, stored
        )
        result = run_training(settings, run_dir, images, resume=resume)
    if is_main():
        print_json(result) if json else tables.print_training(result)
