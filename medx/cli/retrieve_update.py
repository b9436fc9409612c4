"""``medx retrieve update``: an index follows its datasets."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import (
    DataDirOption,
    DeviceOption,
    JsonOption,
    OfflineOption,
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


def update(
    index: IndexArgument,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            "--dataset",
            help="Only this one of the index's datasets, also where it has moved; may be "
            "repeated. [default: all of them]",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDirOption = None,
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
    """Make an index hold what its datasets hold now.

    New, changed and deleted images are seen to.
    """
    from medx.datasets.catalog import load_dataset
    from retrieval.gallery import open_gallery
    from retrieval.store.images import update_images

    gallery = open_gallery(
        GalleryConfig(
            index=index, backend=backend, uri=uri, encoder=encoder, weights=weights,
            runtime=runtime, precision=precision, device=device.value,
        )
    )  # fmt: skip
    names = dataset or [origin.source for origin in gallery.index.description.origins]
    images = [load_dataset(name, data_dir=data_dir) for name in names]
    result = update_images(
        gallery.place, images, gallery.bulk_encoder, batch_size=batch_size, wait=not no_wait
    )
    print_change(result, json=json)
