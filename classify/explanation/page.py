"""An explanation as one page that needs no other file."""

from __future__ import annotations

from pathlib import Path

from classify.explanation.results import Explained, Explanation
from medx.core.files import write_text
from medx.core.pages import data_uri, render_page

#: Pictures on the page when the truth is unknown; all of them lie beside it.
MOST_SHOWN = 60

Section = tuple[str, int | None, list[tuple[str, Explained]]]


def save_page(result: Explanation, folder: Path) -> Path:
    """Write ``index.html`` into ``folder``, which holds the pictures; return its path."""
    text = render_page("explain.html.j2", result=result, sections=_sections(result, folder))
    path = folder / result.page
    write_text(path, text)
    return path


def _sections(result: Explanation, folder: Path) -> list[Section]:
    """Return a heading, how many images there are of it, and the pictures below it."""
    if not result.outcomes:
        shown = result.images[:MOST_SHOWN]
        return [("What each prediction rests on", len(result.images), _embed(shown, folder))]
    return [
        (
            f"{label}: {outcome}s",
            count,
            _embed([i for i in result.images if (i.label, i.outcome) == (label, outcome)], folder),
        )
        for label, counts in result.outcomes.items()
        for outcome, count in counts.items()
    ]


def _embed(images: list[Explained], folder: Path) -> list[tuple[str, Explained]]:
    return [(data_uri((folder / image.picture).read_bytes()), image) for image in images]
