"""``medx retrieve adapt``: a small head over an encoder, trained on one's own archive."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import (
    BatchSizeOption,
    ConfigOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    NameOption,
    OfflineOption,
    OutputOption,
    SeedOption,
    SetOption,
    given_options,
    resolve_config,
)
from medx.cli.retrieve_options import EncoderOption, IndexOption, WeightsOption
from medx.core.device import Device
from retrieval.config import HEADS, AdaptConfig, GalleryConfig

if TYPE_CHECKING:
    from retrieval.training.adapt import AdaptResult


def adapt(
    context: typer.Context,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    index: IndexOption = GalleryConfig.index,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    head: Annotated[
        str, typer.Option("--head", help=f"{' or '.join(HEADS)}: the shape of the head.")
    ] = AdaptConfig.head,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Passes over the train split.")
    ] = AdaptConfig.epochs,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Of the contrast between images.")
    ] = AdaptConfig.temperature,
    batch_size: BatchSizeOption = AdaptConfig.batch_size,
    name: NameOption = None,
    output: OutputOption = None,
    config: ConfigOption = None,
    set_: SetOption = None,
    device: DeviceOption = Device.auto,
    seed: SeedOption = AdaptConfig.seed,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Train a head on an encoder's embeddings.

    Use it with --encoder adapted:FOLDER.

    Only the train split is learned from; val chooses the epoch and shows the gain.
    """
    from medx.core.console import print_json
    from medx.core.runs import logging_to, new_run_dir, save_config
    from retrieval.gallery import open_gallery
    from retrieval.training.adapt import adapt_encoder

    settled = resolve_config(
        AdaptConfig(), given=given_options(context), config_file=config, assignments=set_
    )
    gallery = open_gallery(
        GalleryConfig(
            index=index, dataset=dataset, data_dir=data_dir, encoder=encoder, weights=weights,
            device=device.value,
        )
    )  # fmt: skip
    with (
        new_run_dir("retrieve", "adapt", name=name, output=output) as folder,
        logging_to(folder),
    ):
        save_config(folder, {"index": gallery.index.name, **asdict(settled)})
        result = adapt_encoder(gallery.index, gallery.encoder, folder, settled)
    if json:
        print_json(result)
    else:
        _print_result(result)


def _print_result(result: AdaptResult) -> None:
    from medx.core.console import print_line, print_table

    made_up = "SYNTHETIC " if result.synthetic else ""
    print_table(
        (
            (name, str(value))
            for name, value in (
                (f"{result.base.name} as it was", result.val_before),
                (f"with the head of epoch {result.best_epoch}", result.val_after),
                ("gain, paired", result.val_gain),
                ("chance", f"{result.val_chance:.3f}"),
            )
        ),
        columns=("encoder", f"P@{result.top_k} on val [95 % interval]"),
        title=f"{result.base.name} adapted to {made_up}{result.dataset}: {result.train_images} "
        f"train images, leave-one-out within {result.val_images} val images",
    )
    print_line(f"texts: {result.text.route} ({result.text.reason})")
    for message in result.notes:
        print_line(message)
    print_line(f"use it: --encoder adapted:{result.folder}; index {result.index} is ready")
    print_line(result.disclaimer)
