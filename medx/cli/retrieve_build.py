"""``medx retrieve build``: a dataset becomes an index."""

from __future__ import annotations

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
    BackendOption,
    EncoderOption,
    IndexNameOption,
    KindOption,
    MemoryOption,
    PrecisionOption,
    RuntimeOption,
    UriOption,
    WeightsOption,
    told_command,
)
from medx.cli.retrieve_tables import describe_kind
from medx.core.device import Device
from retrieval.config import (
    BuildConfig,
    GalleryConfig,
)


def build(
    context: typer.Context,
    dataset: DatasetOption = None,
    data_dir: DataDirOption = None,
    split: SplitOption = BuildConfig.split,
    limit: LimitOption = BuildConfig.limit,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: RuntimeOption = GalleryConfig.runtime,
    precision: PrecisionOption = GalleryConfig.precision,
    name: IndexNameOption = None,
    kind: KindOption = BuildConfig.kind,
    memory: MemoryOption = None,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    device: DeviceOption = Device.auto,
    batch_size: AutoBatchSizeOption = BuildConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Embed a dataset's images and write an index.

    One of that dataset or --name is replaced.
    """
    from medx.core.console import print_json, print_line, told_on_interrupt
    from medx.core.processes import is_main, take_own_gpu
    from medx.datasets.catalog import default_dataset, load_dataset
    from retrieval.build import build_index, check_same_dataset
    from retrieval.encoders.load import load_encoder
    from retrieval.index.kinds import memory_bytes
    from retrieval.index.locate import index_name
    from retrieval.place import new_place

    images = load_dataset(dataset or default_dataset(data_dir), data_dir=data_dir)
    if device is not Device.cpu:
        take_own_gpu()
    with_encoder = load_encoder(
        encoder, weights=weights, device=device.value, runtime=runtime,
        precision=precision,
    )  # fmt: skip
    at = with_encoder.fingerprint.precision
    place = new_place(
        name or index_name(images.name, with_encoder.name, at), backend=backend, uri=uri
    )
    if name is None:
        check_same_dataset(place, images)
    config = BuildConfig(
        split=split, limit=limit, batch_size=batch_size, kind=kind,
        memory_bytes=memory_bytes(memory) if memory else None,
    )  # fmt: skip
    with told_on_interrupt(f"to go on: {told_command(context)}"):
        result = build_index(images, with_encoder, place, config)
    if not is_main():
        return
    if json:
        print_json(result)
        return
    made_up = " synthetic" if result.synthetic else ""
    print_line(
        f"index {result.index}: {result.count}{made_up} images of {result.dataset} by "
        f"{result.encoder} in {result.seconds:.1f} s, {result.reused} embedded before, "
        f"{len(result.skipped)} skipped, "
        f"at {result.index_dir}"
    )
    print_line(f"kind {describe_kind(result.kind, result.tuning)}")
