"""Pictures of what a search found and of how well searches do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from medx.core.content_hash import content_hash
from medx.core.errors import InputError
from medx.core.figures import new_figure, save_figure, save_image_grid
from medx.core.images import Pixels
from medx.core.values import Hit
from medx.datasets.catalog import load_dataset
from retrieval.evaluation.results import EvaluationResult, PrecisionRow, ProtocolResult
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.queries import SearchResult


def save_search_figure(
    index: GalleryIndex,
    result: SearchResult,
    path: Path,
    *,
    query: Pixels | None = None,
    data_dir: Path | None = None,
) -> Path:
    """Write the query image, where there is one, and the hits as a contact sheet.

    Raises:
        InputError: When a picture is no longer the one that was indexed.
        DataUnavailableError: When the dataset is gone.
    """
    pixels = read_images(index, [hit.id for hit in result.hits], data_dir=data_dir)
    captions = [_caption(hit, result) for hit in result.hits]
    if query is not None:
        pixels, captions = [query, *pixels], ["query", *captions]
    made_up = "SYNTHETIC images of " if result.synthetic else ""
    query_name = textwrap.shorten(Path(result.query).name, 48, placeholder=" …")
    title = f"{query_name}: {made_up}{result.dataset}, encoder {result.encoder}"
    return save_image_grid(pixels, captions, path, title=title)


def read_images(
    index: GalleryIndex, ids: Sequence[str], *, data_dir: Path | None = None
) -> list[Pixels]:
    """Return the pixels of indexed images, read again from the dataset.

    Raises:
        InputError: When a picture is no longer the one that was indexed.
        DataUnavailableError: When the dataset is gone.
    """
    dataset = load_dataset(index.description.dataset_source, data_dir=data_dir, download=False)
    pixels = []
    for record_id in ids:
        image = dataset.read(dataset.find(record_id)).pixels
        if content_hash(image) != index.items.item(index.items.row(record_id)).content_hash:
            raise InputError(
                f"{record_id} of {dataset.name} has changed since {index.name} was built",
                hint=f"build it again: {index.description.build_command()}",
            )
        pixels.append(image)
    return pixels


def save_precision_figure(result: EvaluationResult, path: Path) -> Path:
    """Write P@k with 95 % intervals beside the chance level, one panel a protocol."""
    made_up = "SYNTHETIC " if result.synthetic else ""
    figure = new_figure(
        4.6 * len(result.protocols),
        4.2,
        title=f"{made_up}{result.dataset}, split {result.split}, encoder {result.encoder.name}",
    )
    names = dict.fromkeys(_series(row) for p in result.protocols for row in p.rows)
    colours = {name: f"C{number % 10}" for number, name in enumerate(names)}
    panels = figure.subplots(1, len(result.protocols), squeeze=False, sharey=True).ravel()
    for panel, protocol in zip(panels, result.protocols, strict=True):
        _draw_protocol(panel, protocol, colours)
    panels[0].set_ylabel("precision")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=7)
    return save_figure(figure, path)


def _draw_protocol(panel: Axes, protocol: ProtocolResult, colours: dict[str, str]) -> None:
    rows = [*protocol.rows, *protocol.average_precisions]
    ticks = list(dict.fromkeys(row.metric for row in rows))
    names = list(colours)
    step = 0.8 / len(names)
    for row in rows:
        name = _series(row)
        place = ticks.index(row.metric) + (names.index(name) - (len(names) - 1) / 2) * step
        middle = row.precision.estimate
        reach = [[max(0.0, middle - row.precision.low)], [max(0.0, row.precision.high - middle)]]
        label = name if row.metric == ticks[0] else None
        panel.errorbar(place, middle, reach, fmt="o", color=colours[name], capsize=2, label=label)
        panel.scatter(place, row.chance, marker="_", color=colours[name], alpha=0.7)
    panel.set_xticks(range(len(ticks)), ticks)
    panel.set_ylim(-0.02, 1.02)
    panel.set_xlabel("● with 95 % interval, – chance", fontsize=8)
    panel.set_title(f"{protocol.task}\n{protocol.protocol}, n = {protocol.queries}", fontsize=9)


def _series(row: PrecisionRow) -> str:
    return row.label or {"all": "all queries", "macro": "mean of classes"}[row.scope]


def _caption(hit: Hit, result: SearchResult) -> str:
    same = " (same pixels)" if hit.id in result.duplicates else ""
    return f"{hit.rank}: {hit.similarity:.3f}{same}\n{hit.label or '–'}\n{hit.id}"
