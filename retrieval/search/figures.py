"""The hits of a search as one picture."""

from __future__ import annotations

import textwrap
from pathlib import Path

from medx.core.figures import save_image_grid
from medx.core.values import Hit
from retrieval.search.heatmap import lay_over
from retrieval.search.pictures import Pictures, shown_terms
from retrieval.search.results import QueryTerm, SearchResult, shown_similarity

COLUMNS = 5


def save_search_figure(result: SearchResult, pictures: Pictures, path: Path) -> Path:
    """Write the images of the query, where there are any, and the hits as a contact sheet."""
    images = [pixels for _, pixels in pictures.queries]
    captions = [_query_caption(term) for term, _ in pictures.queries]
    maps = pictures.maps
    for number, (hit, pixels) in enumerate(zip(result.hits, pictures.hits, strict=True)):
        images.append(lay_over(pixels, maps, number) if maps else pixels)
        captions.append(_caption(hit, result))
    made_up = "SYNTHETIC images of " if result.synthetic else ""
    columns = min(COLUMNS, max(3, len(images)))
    lines = textwrap.wrap(shown_terms(result.terms), 26 * columns, max_lines=2, placeholder=" …")
    lines.append(f"{made_up}{result.dataset}, encoder {result.encoder}")
    if maps:
        lines.append(f"colour: places most like the words, {maps.low:.2f} to {maps.high:.2f}")
    # Narrower, the title would be cut off.
    images_or_gaps = [*images, *[None] * (columns - len(images))]
    captions += [""] * (columns - len(captions))
    title = "\n".join(lines)
    return save_image_grid(images_or_gaps, captions, path, columns=columns, title=title)


def _query_caption(term: QueryTerm) -> str:
    weight = "" if term.weight == 1 else f"{term.weight:+g} × "
    return f"{weight}query" + (f"\n{_short(term.value)}" if term.kind == "id" else "")


def _caption(hit: Hit, result: SearchResult) -> str:
    same = " (same pixels)" if hit.id in result.duplicates else ""
    label = textwrap.shorten(hit.label or "–", 30, placeholder=" …")
    return f"{hit.rank}: {shown_similarity(hit.similarity)}{same}\n{label}\n{_short(hit.id)}"


def _short(text: str, length: int = 30) -> str:
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"
