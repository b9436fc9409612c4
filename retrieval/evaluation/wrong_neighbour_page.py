"""The most similar wrong neighbours to look at: an HTML page and a PNG that name nobody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from medx.core.console import warn
from medx.core.errors import MedxError
from medx.core.figures import save_image_grid
from medx.core.files import write_text
from medx.core.images import Pixels
from medx.core.pages import data_uri, render_page
from medx.core.pictures import encode
from retrieval.evaluation.results import EvaluationResult, ProtocolResult, WrongNeighbour
from retrieval.evaluation.wrong_neighbours import DIGITS
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.pictures import read_images

PAGE_FILE = "wrong_neighbours.html"
FIGURE_FILE = Path("figures") / "wrong_neighbours.png"
#: Pixels of the longer side of a picture.
LARGEST = 256
PAIRS_A_LINE = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """A wrong neighbour with both pictures."""

    pair: WrongNeighbour
    query: Pixels
    neighbour: Pixels


def save_wrong_neighbours(
    index: GalleryIndex,
    result: EvaluationResult,
    run_dir: Path,
    *,
    data_dir: Path | None = None,
) -> Path | None:
    """Write page and figure below ``run_dir``; return the page.

    None when nothing went wrong, or the images cannot be read any more, which is warned of.
    """
    protocols = [p for p in result.protocols if p.wrong_neighbours]
    if not protocols:
        return None
    try:
        shown = [(p, _read(index, p, data_dir)) for p in protocols]
    except MedxError as error:
        warn(f"no pictures of wrong neighbours: {error}")
        return None
    made_up = "SYNTHETIC " if result.synthetic else ""
    title = f"Wrong neighbours: {made_up}{result.dataset}, encoder {result.encoder.name}"
    text = render_page(
        "wrong_neighbours.html.j2", title=title, result=result, shown=shown, embed=_embed
    )
    write_text(run_dir / PAGE_FILE, text)
    _save_figure(shown, run_dir / FIGURE_FILE, title)
    return run_dir / PAGE_FILE


def _read(index: GalleryIndex, protocol: ProtocolResult, data_dir: Path | None) -> list[Shown]:
    ids = index.items.column("id")
    known = {
        str(h)[:DIGITS]: str(i)
        for h, i in zip(index.items.column("content_hash"), ids, strict=True)
    }
    pairs = protocol.wrong_neighbours
    wanted = [known[name] for pair in pairs for name in (pair.query, pair.neighbour)]
    pictures = [_shrink(pixels) for pixels in read_images(index, wanted, data_dir=data_dir)]
    return [
        Shown(pair=pair, query=pictures[2 * i], neighbour=pictures[2 * i + 1])
        for i, pair in enumerate(pairs)
    ]


def _save_figure(shown: list[tuple[ProtocolResult, list[Shown]]], path: Path, title: str) -> None:
    pixels: list[Pixels | None] = []
    captions: list[str] = []
    titles: list[str] = []
    for protocol, rows in shown:
        lines = -(-len(rows) // PAIRS_A_LINE)
        gaps = 2 * (lines * PAIRS_A_LINE - len(rows))
        pixels += [image for row in rows for image in (row.query, row.neighbour)] + [None] * gaps
        captions += [text for row in rows for text in _captions(row.pair)] + [""] * gaps
        titles += [protocol.protocol] * lines
    columns = 2 * PAIRS_A_LINE
    save_image_grid(pixels, captions, path, columns=columns, title=title, row_titles=titles)


def _captions(pair: WrongNeighbour) -> tuple[str, str]:
    return (
        f"query: {pair.query_label}\n{pair.query}",
        f"{pair.similarity:.3f}: {pair.neighbour_label}\n{pair.neighbour}",
    )


def _shrink(pixels: Pixels) -> Pixels:
    if max(pixels.shape[:2]) <= LARGEST:
        return pixels
    image = PILImage.fromarray(pixels)
    image.thumbnail((LARGEST, LARGEST), PILImage.Resampling.BILINEAR)
    return np.asarray(image)


def _embed(pixels: Pixels) -> str:
    return data_uri(encode(pixels))
