"""Pictures of what a search found and of how well searches do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from medx.core.errors import InputError
from medx.core.figures import new_figure, save_figure, save_image_grid
from medx.core.images import Pixels
from medx.core.values import Hit
from medx.datasets.catalog import load_dataset
from retrieval.content_hash import content_hash
from retrieval.evaluation import EvaluationResult, PrecisionRow, ProtocolResult
from retrieval.index import GalleryIndex
from retrieval.search import SearchResult


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
    title = f"{result.query}\n{made_up}{result.dataset}, encoder {result.encoder}"
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
                hint=f"build it again: {index.description.build_command}",
            )
        pixels.append(image)
    return pixels


def save_precision_figure(result: EvaluationResult, path: Path) -> Path:
    """Write P@k with 95 % intervals beside the chance level, one panel a protocol."""
    made_up = "SYNTHETIC " if result.synthetic else ""
    figure = new_figure(
        4.6 * len(result.protocols),
        4.0,
        title=f"{made_up}{result.dataset}, split {result.split}, encoder {result.encoder.name}",
    )
    panels = figure.subplots(1, len(result.protocols), squeeze=False, sharey=True).ravel()
    for panel, protocol in zip(panels, result.protocols, strict=True):
        _draw_protocol(panel, protocol)
    panels[0].set_ylabel("Precision@k")
    return save_figure(figure, path)


def _draw_protocol(panel: Axes, protocol: ProtocolResult) -> None:
    series: dict[str, list[PrecisionRow]] = {}
    for row in protocol.rows:
        series.setdefault(row.label or row.scope, []).append(row)
    for number, (name, rows) in enumerate(series.items()):
        colour = f"C{number % 10}"
        shift = (number - (len(series) - 1) / 2) * 0.8 / max(len(series), 1)
        places = [i + shift for i in range(len(rows))]
        middle = [row.precision.estimate for row in rows]
        below = [max(0.0, row.precision.estimate - row.precision.low) for row in rows]
        above = [max(0.0, row.precision.high - row.precision.estimate) for row in rows]
        panel.errorbar(places, middle, [below, above], fmt="o", color=colour, capsize=2, label=name)
        panel.scatter(places, [row.chance for row in rows], marker="_", color=colour, alpha=0.7)
    panel.set_xticks(range(len(rows)), [str(row.top_k) for row in rows])
    panel.set_ylim(-0.02, 1.02)
    panel.set_xlabel("k   (● with 95 % interval, – chance)")
    panel.set_title(f"{protocol.task}\n{protocol.protocol}, n = {protocol.queries}", fontsize=9)
    panel.legend(fontsize=6, loc="lower left")


def _caption(hit: Hit, result: SearchResult) -> str:
    same = " (same pixels)" if hit.id in result.duplicates else ""
    return f"{hit.rank}: {hit.similarity:.3f}{same}\n{hit.label or '–'}\n{hit.id}"
