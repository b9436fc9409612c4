"""``medx classify``: train a classifier, measure it, use it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from classify.config import EvaluateConfig, PredictConfig, TrainConfig
from medx.cli import classify_tables as tables
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
    ResumeOption,
    RunOption,
    SeedOption,
    SetOption,
    SplitOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device

app = typer.Typer(help="Train a classifier, measure it, use it.", no_args_is_help=True)


@app.command()
def train(
    context: typer.Context,
    dataset: DatasetOption = TrainConfig.dataset,
    data_dir: DataDirOption = None,
    limit: LimitOption = TrainConfig.limit,
    model: Annotated[
        str, typer.Option(help="compact-cnn, efficientnet_b0, resnet18 or any timm name.")
    ] = TrainConfig.model,
    pretrained: Annotated[
        bool, typer.Option(help="Start a timm model from its published weights.")
    ] = TrainConfig.pretrained,
    weights: Annotated[
        str | None, typer.Option(help="Start a timm model from this .safetensors file.")
    ] = TrainConfig.weights,
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
    precision: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = TrainConfig.precision,
    operating_point: Annotated[
        str, typer.Option(help="What the threshold maximises on val: balanced_accuracy or f1.")
    ] = TrainConfig.operating_point,
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
    """Train on the train split; choose epoch, temperature and threshold on val."""
    from classify.runs import dataset_key, latest_unfinished, stored_settings
    from classify.train import train as run_training
    from medx.core.console import print_json
    from medx.core.runs import create_run_dir
    from medx.datasets.catalog import default_dataset, load_dataset

    if resume and not name and not output:
        output = latest_unfinished()
    run_dir = create_run_dir("classify", "train", name=name, output=output, resume=resume)
    settings = resolve_config(
        stored_settings(run_dir) if resume else TrainConfig(),
        given=given_options(context),
        config_file=config,
        assignments=assignments,
    )
    settings = replace(settings, dataset=dataset_key(settings.dataset or default_dataset(data_dir)))
    images = load_dataset(str(settings.dataset), data_dir=data_dir)
    result = run_training(settings, run_dir, images, resume=resume)
    print_json(result) if json else tables.print_training(result)


@app.command()
def evaluate(
    context: typer.Context,
    run: RunOption = EvaluateConfig.run,
    dataset: DatasetOption = EvaluateConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = EvaluateConfig.split,
    limit: LimitOption = EvaluateConfig.limit,
    batch_size: BatchSizeOption = EvaluateConfig.batch_size,
    device: DeviceOption = Device.auto,
    seed: SeedOption = EvaluateConfig.seed,
    resamples: Annotated[
        int, typer.Option(min=1, help="Bootstrap samples of the 95 % intervals.")
    ] = EvaluateConfig.resamples,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Measure a trained classifier on one split, with 95 % intervals."""
    from classify.evaluate import evaluate as run_evaluation
    from classify.runs import choose_run
    from medx.core.console import print_json
    from medx.core.runs import create_run_dir
    from medx.datasets.catalog import load_dataset

    settings = resolve_config(
        EvaluateConfig(), given=given_options(context), config_file=config, assignments=assignments
    )
    train_dir, chosen = choose_run(settings.run, settings.dataset, data_dir)
    result = run_evaluation(
        train_dir,
        load_dataset(chosen, data_dir=data_dir),
        settings.split,
        output_dir=create_run_dir("classify", "evaluate", name=name, output=output),
        limit=settings.limit,
        batch_size=settings.batch_size,
        device=settings.device,
        seed=settings.seed,
        resamples=settings.resamples,
    )
    print_json(result) if json else tables.print_evaluation(result)


@app.command()
def predict(
    context: typer.Context,
    input: Annotated[
        str | None, typer.Argument(help="An image file or a folder. [default: a dataset split]")
    ] = PredictConfig.input,
    run: RunOption = PredictConfig.run,
    dataset: DatasetOption = PredictConfig.dataset,
    data_dir: DataDirOption = None,
    split: SplitOption = PredictConfig.split,
    limit: LimitOption = PredictConfig.limit,
    batch_size: BatchSizeOption = PredictConfig.batch_size,
    device: DeviceOption = Device.auto,
    name: NameOption = None,
    output: OutputOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Predict an image file, a folder of images or a dataset split."""
    from classify.predict import load_classifier, predict_dataset, predict_paths
    from classify.prediction_files import save_predictions
    from classify.runs import choose_run
    from medx.core.console import print_json
    from medx.core.runs import create_run_dir, save_config
    from medx.datasets.catalog import load_dataset

    settings = resolve_config(
        PredictConfig(), given=given_options(context), config_file=config, assignments=assignments
    )
    train_dir, chosen = choose_run(settings.run, settings.dataset, data_dir)
    settings = replace(settings, run=str(train_dir), dataset=chosen)
    classifier = load_classifier(train_dir, settings.device, batch_size=settings.batch_size)
    if settings.input is not None:
        found = predict_paths(classifier, Path(settings.input), limit=settings.limit)
    else:
        part = load_dataset(chosen, data_dir=data_dir).split(settings.split, limit=settings.limit)
        found = predict_dataset(classifier, part, f"{part.name}, {settings.split}")
    run_dir = create_run_dir("classify", "predict", name=name, output=output)
    save_config(run_dir, vars(settings))
    found = save_predictions(found, run_dir)
    print_json(found) if json else tables.print_predictions(found)
