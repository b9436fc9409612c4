"""``case.html``: one file to read a case by, with everything in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from medx.case.pictures import LARGEST, LARGEST_NEIGHBOUR, map_layer, png
from medx.case.study import Study
from medx.case.words import call_line, likeness_line, neighbours_line, set_line, threshold_line
from medx.core.pages import data_uri, page_environment, render_page
from medx.core.values import Hit, Prediction
from reportgen.agreement.results import VERDICTS, Verdict
from reportgen.evidence import positive_label
from reportgen.marked_text import mark_text
from reportgen.page_views import describe_claim
from retrieval.search.results import shown_similarity

#: Further classes are counted, not shown.
SHOWN_CLASSES = 12
#: An image with no longer side is shown with its pixels as squares.
SMALL = 256
#: What starts ``case.js`` in a file of its own.
START = "\nstartCase(document.body);\nstartTheme(document.getElementById('theme'));\n"
SIGNS = {Verdict.agree: "✓", Verdict.contradict: "✗", Verdict.unsupported: "?"}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One class of the prediction.

    Args:
        percent: Its probability.
        threshold: Percent from which it is called; None where none applies.
        called: Whether the classifier calls the image this.
        possible: Whether the conformal set holds it; None where there is no set.
    """

    name: str
    percent: float
    threshold: float | None
    called: bool
    possible: bool | None


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A similar case with its picture, where there is one."""

    id: str
    hit: Hit
    picture: str | None


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A form that a case can be had in.

    Args:
        needs_study: True when the DICOM file has to be sent along.
        lacking: Why it cannot be had; None where it can.
    """

    name: str
    title: str
    needs_study: bool
    lacking: str | None


@dataclass(frozen=True, kw_only=True)
class Served:
    """What a server can do with a case, and which of how many images of its file it is about."""

    strategies: Sequence[str]
    exports: Sequence[Offer]
    frame: int
    frames: int


def render_case(study: Study) -> str:
    """Return the page: no other file, no request, and only its own script may run."""
    style = _source("style.css") + _source("case.css")
    script = _source("case.js") + START
    return render_page(
        "case.html.j2",
        style=Markup(style),
        script=Markup(script),
        policy=content_policy(style, script),
        served=None,
        **_shown(study),
    )


def render_view(study: Study, served: Served) -> str:
    """Return what the page shows of a case, for a page that has style and script already."""
    return render_page("case_view.html.j2", served=served, **_shown(study))


def _shown(study: Study) -> dict[str, Any]:
    result = study.result
    evidence = result.report.items if result.report else []
    height, width = study.pixels.shape[:2]
    return dict(
        case=result,
        picture=data_uri(png(study.pixels, largest=LARGEST)),
        shrunk=max(height, width) > LARGEST,
        small=max(height, width) <= SMALL,
        layer=_layer(study),
        bars=_bars(result.prediction),
        more_classes=max(0, len(result.prediction.probabilities) - SHOWN_CLASSES),
        neighbours=list(_neighbours(study)),
        pieces=mark_text(result.report) if result.report else [],
        notes=[item for item in evidence if item.id.startswith("M")],
        verdicts={verdict: (sign, VERDICTS[verdict]) for verdict, sign in SIGNS.items()},
        stated=describe_claim,
        call=call_line(result.prediction),
        threshold=threshold_line(result.prediction),
        possible=set_line(result.prediction),
        likeness=likeness_line(result.prediction),
        cosine=shown_similarity,
        alike=neighbours_line(result.neighbours),
    )


def content_policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that lets this style and this script in, and pictures."""
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )


def _digest(text: str) -> str:
    found = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(found).decode('ascii')}"


def _source(name: str) -> str:
    loader = page_environment().loader
    if loader is None:
        raise ValueError("pages must have a loader")
    return loader.get_source(page_environment(), name)[0]


def _layer(study: Study) -> str | None:
    if study.heatmap is None or study.result.heatmap is None:
        return None
    height, width = study.pixels.shape[:2]
    return data_uri(png(map_layer(study.heatmap, (height, width))))


def _bars(prediction: Prediction) -> list[Bar]:
    positive = positive_label(prediction)
    held = None if prediction.out_of_distribution else prediction.conformal_set
    return [
        Bar(
            name=name,
            percent=100 * probability,
            threshold=100 * (prediction.operating_point or 0.0) if name == positive else None,
            called=name == prediction.label,
            possible=None if held is None else name in held,
        )
        for name, probability in prediction.top(SHOWN_CLASSES)
    ]


def _neighbours(study: Study) -> Iterator[Neighbour]:
    for number, hit in enumerate(study.result.neighbours, start=1):
        pixels = study.pictures.get(hit.id)
        picture = None if pixels is None else data_uri(png(pixels, largest=LARGEST_NEIGHBOUR))
        yield Neighbour(id=f"N{number}", hit=hit, picture=picture)
