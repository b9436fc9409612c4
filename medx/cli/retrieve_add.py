"""``medx retrieve add``: images into an index that is there."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import (
    DataDirOption,
    DeviceOption,
    JsonOption,
    OfflineOption,
    SplitOption,
)
from medx.cli.retrieve_change_lines import print_change
from medx.cli.retrieve_options import (
    AutoBatchSizeOption,
    BackendOption,
    EncoderOption,
    IndexArgument,
    NoWaitOption,
    PrecisionOption,
    RuntimeOption,
    UriOption,
    WeightsOption,
)
from medx.core.device import Device
from retrieval.config import BuildConfig, GalleryConfig


def add(
    index: IndexArgument,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset", help="What to add: a dataset folder, or a name of `medx data list`."
        ),
    ],
    data_dir: DataDirOption = None,
    split: SplitOption = BuildConfig.split,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    runtime: RuntimeOption = GalleryConfig.runtime,
    precision: PrecisionOption = GalleryConfig.precision,
    device: DeviceOption = Device.auto,
    batch_size: AutoBatchSizeOption = BuildConfig.batch_size,
    backend: BackendOption = GalleryConfig.backend,
    uri: UriOption = GalleryConfig.uri,
    no_wait: NoWaitOption = False,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Add a dataset's images that an index lacks.

    What it has stays as it is.
    """
    from medx.datasets.catalog import load_dataset
    from retrieval.gallery import open_gallery
    from retrieval.store.images import add_images

    gallery = open_gallery(
        GalleryConfig(
            index=index, backend=backend, uri=uri, encoder=encoder, weights=weights,
            runtime=runtime, precision=precision, device=device.value,
        )
    )  # fmt: skip
    images = load_dataset(dataset, data_dir=data_dir)
    result = add_images(
        gallery.place,
        images,
        gallery.bulk_encoder,
        split=split,
        batch_size=batch_size,
        wait=not no_wait,
    )
    print_change(result, json=json)
