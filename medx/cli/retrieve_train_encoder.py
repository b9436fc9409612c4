"""``medx retrieve train-encoder``: the compact encoder from scratch, or an open_clip model."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medx.cli.options import (
    ConfigOption,
    DataDirOption,
    DeviceOption,
    JsonOption,
    OfflineOption,
    ResumeOption,
    SeedOption,
    SetOption,
    given_options,
    resolve_config,
)
from medx.core.device import Device
from medx.core.errors import InputError
from retrieval.config import TrainClipConfig, TrainEncoderConfig

if TYPE_CHECKING:
    from retrieval.training.clip_results import TrainClipResult


def train_encoder(
    context: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Folder for the weights. [default: outputs/retrieve/train-encoder/compact, or "
            ".../open_clip]",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option("--dataset", help="Only its train split is learned from."),
    ] = TrainEncoderConfig.dataset,
    data_dir: DataDirOption = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", help="Fine-tune the open_clip model of this folder."),
    ] = TrainClipConfig.start,
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            help="Train an open_clip model from scratch: small, or a JSON file of its config.",
        ),
    ] = None,
    texts: Annotated[
        str,
        typer.Option(
            "--texts",
            help="open_clip: learn from each image's text, its label, or auto: text where every "
            "train image has one.",
        ),
    ] = TrainClipConfig.texts,
    epochs: Annotated[
        int,
        typer.Option("--epochs", min=1, help="open_clip: passes over the train split."),
    ] = TrainClipConfig.epochs,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="compact: optimiser steps.")
    ] = TrainEncoderConfig.steps,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=2,
            help=f"Images at a time. [default: {TrainEncoderConfig.batch_size} for compact, "
            f"{TrainClipConfig.batch_size} for open_clip]",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    seed: SeedOption = TrainEncoderConfig.seed,
    config: ConfigOption = None,
    set_: SetOption = None,
    resume: ResumeOption = False,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Train the compact encoder, or an open_clip model.

    The latter with --start or --architecture.

    Afterwards --weights FOLDER takes it. An open_clip model learns from captions or from texts made
    of labels; val chooses the epoch.
    """
    from medx.core.console import print_json
    from medx.datasets.catalog import load_dataset

    given = {name: value for name, value in given_options(context).items() if value is not None}
    as_clip = start is not None or architecture is not None
    base: TrainEncoderConfig | TrainClipConfig = (
        TrainClipConfig() if as_clip else TrainEncoderConfig()
    )
    _check_options(given, base)
    settled = resolve_config(base, given=given, config_file=config, assignments=set_)
    images = load_dataset(settled.dataset, data_dir=data_dir)
    folder = output or _usual_folder("open_clip" if as_clip else "compact")
    if isinstance(settled, TrainClipConfig):
        from retrieval.training.train_clip import train_clip

        trained = train_clip(settled, images, folder, resume=resume)
        print_json(trained) if json else _print_clip(trained)
        return
    from retrieval.training.train_encoder import train_encoder as train
    from retrieval.training.train_encoder import trained_result

    path = train(settled, images, folder, resume=resume)
    result = trained_result(path, images)
    if json:
        print_json(result)
    else:
        _print_folder(str(path), result.encoder, folder)


def _check_options(given: dict[str, Any], base: TrainEncoderConfig | TrainClipConfig) -> None:
    """Refuse an option that belongs to the other kind of training."""
    own = {field.name for field in fields(base)}
    both = {field.name for field in (*fields(TrainEncoderConfig), *fields(TrainClipConfig))}
    wrong = [name for name in given if name in both - own]
    if wrong:
        kind = "the compact encoder" if isinstance(base, TrainEncoderConfig) else "an open_clip one"
        raise InputError(
            f"--{wrong[0].replace('_', '-')} means nothing to the training of {kind}",
            hint="--start and --architecture ask for an open_clip model; without, it is compact",
        )


def _usual_folder(name: str) -> Path:
    from medx.core import settings

    return settings.output_dir() / "retrieve" / "train-encoder" / name


def _print_clip(result: TrainClipResult) -> None:
    from medx.core.console import print_line, print_table

    made_up = "SYNTHETIC " if result.synthetic else ""
    print_table(
        ((e.epoch, e.loss, e.val_loss, e.val_map) for e in result.epochs),
        columns=("epoch", "loss", "val loss", "val text→image mAP"),
        title=f"{result.train_images} {made_up}images of {result.dataset}, from their "
        f"{result.learned_from}; epoch {result.best_epoch} kept by mAP over {result.val_images} "
        "val images (epoch 0: as it was)",
    )
    _print_folder(result.weights, "open_clip", Path(result.folder))
    print_line(result.disclaimer)


def _print_folder(weights: str, encoder: str, folder: Path) -> None:
    from medx.core.console import print_line

    print_line(f"wrote {weights}; use it: --encoder {encoder} --weights {folder}")
