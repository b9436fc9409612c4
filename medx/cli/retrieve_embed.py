"""``medx retrieve embed``: a dataset becomes embeddings on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medx.cli.options import (
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    OfflineOption,
    SplitOption,
)
from medx.cli.retrieve_options import (
    AutoBatchSizeOption,
    EncoderOption,
    PrecisionOption,
    RuntimeOption,
    WeightsOption,
    told_command,
)
from medx.core.device import Device
from retrieval.config import EmbedConfig, GalleryConfig

if TYPE_CHECKING:
    from retrieval.embedding.result import EmbedResult


def embed(
    context: typer.Context,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    split: SplitOption = EmbedConfig.split,
    limit: LimitOption = EmbedConfig.limit,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: RuntimeOption = GalleryConfig.runtime,
    precision: PrecisionOption = GalleryConfig.precision,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="Folder for the shards. [default: this encoder's in the cache, where build, add "
            "and update look]",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in an --output folder that holds embeddings.")
    ] = False,
    device: DeviceOption = Device.auto,
    batch_size: AutoBatchSizeOption = EmbedConfig.batch_size,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Threads that decode images. [default: one a core, up to 8]"
        ),
    ] = EmbedConfig.workers,
    shard_size: Annotated[
        int, typer.Option("--shard-size", min=1, help="Images a shard: what a crash can lose.")
    ] = EmbedConfig.shard_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Embed a dataset's images into shards.

    A picture that is there is never embedded again.
    """
    from medx.core.console import print_json, told_on_interrupt
    from medx.core.processes import from_main, is_main, take_own_gpu
    from medx.datasets.catalog import default_dataset, load_dataset
    from retrieval.embedding.embed import embed_dataset
    from retrieval.embedding.store import check_output
    from retrieval.encoders.load import load_encoder

    config = EmbedConfig(
        split=split, limit=limit, batch_size=batch_size, workers=workers,
        shard_size=shard_size,
    )  # fmt: skip
    if output is not None:
        from_main(lambda: check_output(output, resume=resume))
    images = load_dataset(dataset or default_dataset(data_dir), data_dir=data_dir)
    if device is not Device.cpu:
        take_own_gpu()
    with_encoder = load_encoder(
        encoder, weights=weights, device=device.value, runtime=runtime,
        precision=precision,
    )  # fmt: skip
    with told_on_interrupt(f"to go on: {told_command(context, '--resume')}"):
        result = embed_dataset(images, with_encoder, output, config)
        result.require_images()
    if is_main():
        print_json(result) if json else _print(result)


def _pace(result: EmbedResult) -> str:
    """Return how fast images were embedded and in what batches, if any were."""
    if not result.embedded:
        return ""
    return (
        f"{result.images_per_second:.1f} images/s, batch size {result.batch_size} "
        f"({result.batch_size_reason}), "
    )


def _print(result: EmbedResult) -> None:
    from medx.core.console import print_line
    from medx.core.words import many

    made_up = " synthetic" if result.synthetic else ""
    print_line(
        f"{result.count}{made_up} images of {result.dataset} by {result.encoder}: "
        f"{result.embedded} embedded, {result.reused} there already, "
        f"{result.repeated} with the pixels of another, {len(result.skipped)} skipped"
    )
    for skipped in result.skipped:
        print_line(f"skipped {skipped.id}: {skipped.reason}")
    print_line(
        f"{result.seconds:.1f} s, {_pace(result)}"
        f"{many(result.processes, 'process', 'processes')} of {many(result.workers, 'worker')}"
    )
    print_line(f"{many(result.shards, 'shard')} in {result.folder}")
