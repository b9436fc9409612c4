"""An explanation as one page that needs no other file."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from classify.explanation.results import Explained, Explanation
from medx.core.files import write_text

#: Pictures on the page when the truth is unknown; all of them lie beside it.
MOST_SHOWN = 60

Section = tuple[str, int | None, list[tuple[str, Explained]]]


def save_page(result: Explanation, folder: Path) -> Path:
    """Write ``index.html`` into ``folder``, which holds the pictures; return its path."""
    environment = Environment(
        loader=PackageLoader("medx", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("explain.html.j2").render(
        result=result, sections=_sections(result, folder)
    )
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
    return [(_data_uri(folder / image.picture), image) for image in images]


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
