"""``medx retrieve text-search`` and ``image-search``."""

from __future__ import annotations

from typing import Annotated

import typer

from medx.cli.options import (
    BatchSizeOption,
    DataDirOption,
    DatasetOption,
    DeviceOption,
    JsonOption,
    OfflineOption,
    SplitOption,
)
from medx.cli.retrieve_options import (
    EncoderOption,
    FigureOption,
    IndexOption,
    TopKOption,
    WeightsOption,
)
from medx.cli.retrieve_tables import print_search
from medx.core.device import Device
from retrieval.config import (
    GalleryConfig,
    SearchConfig,
)


def text_search(
    text: Annotated[str, typer.Argument(help="What to look for, in words.")],
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = SearchConfig.split,
    top_k: TopKOption = SearchConfig.top_k,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    figure: FigureOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find images by words; the index is built first when it is not there yet."""
    from medx.core.console import note, warn
    from medx.core.errors import InputError
    from retrieval.gallery import open_gallery
    from retrieval.search.queries import text_search as search

    if not text.strip():
        raise InputError("nothing to search for: the text is empty")
    gallery = open_gallery(
        GalleryConfig(
            index=index, dataset=dataset, data_dir=data_dir, encoder=encoder, weights=weights,
            device=device.value, batch_size=batch_size,
        )
    )  # fmt: skip
    result = search(gallery.index, gallery.encoder, text, top_k=top_k, split=split)
    if result.warning:
        warn(result.warning)
    print_search(result, json=json)
    if figure:
        from retrieval.search.figures import save_search_figure

        save_search_figure(gallery.index, result, figure, data_dir=data_dir)
        note(f"wrote {figure}")


def image_search(
    query: Annotated[str, typer.Argument(help="An indexed id, or any image file.")],
    index: IndexOption = GalleryConfig.index,
    dataset: DatasetOption = GalleryConfig.dataset,
    data_dir: DataDirOption = GalleryConfig.data_dir,
    split: SplitOption = SearchConfig.split,
    top_k: TopKOption = SearchConfig.top_k,
    encoder: EncoderOption = GalleryConfig.encoder,
    weights: WeightsOption = GalleryConfig.weights,
    figure: FigureOption = None,
    device: DeviceOption = Device.auto,
    batch_size: BatchSizeOption = GalleryConfig.batch_size,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Find images like an indexed one (itself left out) or like a file."""
    from medx.core.console import note
    from retrieval.gallery import open_gallery
    from retrieval.search.image_query import search_like

    gallery = open_gallery(
        GalleryConfig(
            index=index, dataset=dataset, data_dir=data_dir, encoder=encoder, weights=weights,
            device=device.value, batch_size=batch_size,
        )
    )  # fmt: skip
    result, pixels = search_like(gallery, query, top_k=top_k, split=split)
    print_search(result, json=json)
    if figure:
        from retrieval.search.figures import read_images, save_search_figure

        if pixels is None:
            pixels = read_images(gallery.index, [query], data_dir=data_dir)[0]
        save_search_figure(gallery.index, result, figure, query=pixels, data_dir=data_dir)
        note(f"wrote {figure}")
