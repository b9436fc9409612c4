"""The hits of a search as one HTML file that holds everything it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from medx.core.files import write_text
from medx.core.images import Pixels
from medx.core.pages import data_uri, render_page
from medx.core.pictures import encode
from medx.core.words import many
from retrieval.search.heatmap import HeatMaps, colour_map, enlarge_map
from retrieval.search.pictures import Pictures, shown_names, shown_terms
from retrieval.search.results import QueryTerm, SearchResult, shown_similarity

#: Larger pictures are made smaller; up to the second, without loss.
LARGEST, LOSSLESS = 640, 256
#: Pixels a patch, so that a map is smooth on the screen.
MAP_SCALE = 12


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One picture on the page.

    Args:
        uri: Its ``data:`` address.
        small: Whether its pixels are shown as squares.
        shape: ``tall`` or ``flat``: which side touches the frame.
        ratio: Width to height, for CSS.
        map: The ``data:`` address of its heat-map, or None.
        place: Where the map lies on the picture, as CSS.
    """

    uri: str
    small: bool
    shape: str
    ratio: str
    map: str | None = None
    place: str = ""


def save_search_page(result: SearchResult, pictures: Pictures, path: Path) -> Path:
    """Write a contact sheet of the query and its hits; names of query files are left out."""
    shown = dict(zip(map(id, result.hits), _show_hits(pictures), strict=True))
    asked = iter(pictures.queries)
    queries = [
        (term, name, None if term.kind == "text" else _show(next(asked)[1]))
        for term, name in zip(result.terms, shown_names(result.terms), strict=True)
    ]
    everything = [*(pixels for _, pixels in pictures.queries), *pictures.hits]
    text = render_page(
        "search.html.j2",
        result=result,
        title=shown_terms(result.terms),
        count_line=_count_line(result),
        queries=queries,
        hits=[(hit, shown[id(hit)]) for hit in result.hits],
        maps=pictures.maps,
        gradient=_gradient(),
        shrunk=any(max(pixels.shape[:2]) > LARGEST for pixels in everything),
        weight=_weight,
        cosine=shown_similarity,
    )
    write_text(path, text)
    return path


def _show_hits(pictures: Pictures) -> list[Shown]:
    return [_show(pixels, pictures.maps, number) for number, pixels in enumerate(pictures.hits)]


def _show(pixels: Pixels, maps: HeatMaps | None = None, number: int = 0) -> Shown:
    height, width = pixels.shape[:2]
    image = PILImage.fromarray(pixels)
    image.thumbnail((LARGEST, LARGEST), PILImage.Resampling.LANCZOS)
    cover, place = (None, "") if maps is None else _cover(maps, number)
    return Shown(
        uri=_embed(image),
        small=max(height, width) <= LOSSLESS // 2,
        shape="tall" if height >= width else "flat",
        ratio=f"{width} / {height}",
        map=cover,
        place=place,
    )


def _cover(maps: HeatMaps, number: int) -> tuple[str, str]:
    values = maps.values[number]
    rows, columns = values.shape
    enlarged = enlarge_map(values, columns * MAP_SCALE, rows * MAP_SCALE)
    top, left, bottom, right = maps.areas[number]
    place = "; ".join(
        f"{side}: {100 * share:.3f}%"
        for side, share in (
            ("top", top),
            ("left", left),
            ("height", bottom - top),
            ("width", right - left),
        )
    )
    return _embed(PILImage.fromarray(colour_map(enlarged, maps.low, maps.high))), place


def _embed(image: PILImage.Image) -> str:
    kind = "png" if image.mode == "RGBA" or max(image.size) <= LOSSLESS else "jpeg"
    return data_uri(encode(image, kind, quality=90), kind)


def _gradient() -> str:
    steps = colour_map(np.linspace(0, 1, 9, dtype=np.float32)[None, :], 0.0, 1.0)[0]
    stops = ", ".join(f"rgba({r},{g},{b},{a / 255:.2f})" for r, g, b, a in steps.tolist())
    return f"linear-gradient(to right, {stops})"


def _weight(term: QueryTerm) -> str:
    if term.weight == 1:
        return ""
    sign = "−" if term.weight < 0 else ""
    size = "" if abs(term.weight) == 1 else f"{abs(term.weight):g} × "
    return f"{sign} {size}".lstrip() if sign else size


def _count_line(result: SearchResult) -> str:
    part = "" if result.searched == result.count else f"{result.searched} of "
    among = f"{part}{many(result.count, 'image')} of {result.dataset}"
    line = f"{many(len(result.hits), 'hit')} among {among}"
    if result.split != "all":
        line += f", split {result.split}"
    if result.where:
        line += f", where {result.where}"
    return line
