"""A comparison as pictures and as one self-contained HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from classify.evaluation.comparison import Comparison
from classify.evaluation.entry import Entry
from classify.evaluation.figures import draw_curve, draw_legend, drawable
from classify.evaluation.ranking import auroc, roc_curve
from classify.evaluation.reliability import confidence, reliability_bins
from medx.core.figures import new_figure, save_figure
from medx.core.files import write_text
from medx.core.pages import data_uri, render_page

PANEL = 4.2  # inches
MOST_COLUMNS = 3


def draw_comparison(entries: Sequence[Entry], run_dir: Path) -> dict[str, str]:
    """Draw ROC and reliability of all runs, a figure each for every dataset; return file → title.

    Args:
        entries: Every run on every dataset.
        run_dir: Gets ``figures/``.
    """
    drawn: dict[str, str] = {}
    for number, place in enumerate(dict.fromkeys(entry.place for entry in entries), 1):
        here = [entry for entry in entries if entry.place is place]
        where = here[0].where
        roc, reliability = f"figures/roc-{number}.png", f"figures/reliability-{number}.png"
        if _save_roc(here, run_dir / roc, f"ROC on {where}"):
            drawn[roc] = f"ROC on {where}"
        _save_reliability(here, run_dir / reliability, f"reliability on {where}")
        drawn[reliability] = f"Reliability on {where}: what was said, and what came true"
    return drawn


def save_comparison_page(result: Comparison, path: Path) -> None:
    """Write the page; its pictures are read from the figures beside it."""
    figures = [
        (title, data_uri((path.parent / name).read_bytes()))
        for name, title in result.figures.items()
    ]
    write_text(path, render_page("comparison.html.j2", result=result, figures=figures))


def _save_roc(entries: Sequence[Entry], path: Path, title: str) -> bool:
    """Draw one panel a class, each with a curve a run; False when there is nothing to draw."""
    lines: dict[str, list[tuple[Entry, int]]] = {}
    for entry in entries:
        for c in drawable(entry.scored.target, len(entry.classifier.classes)):
            lines.setdefault(entry.classifier.classes[c], []).append((entry, c))
    if not lines:
        return False
    columns = min(len(lines), MOST_COLUMNS)
    rows = math.ceil(len(lines) / columns)
    figure = new_figure(PANEL * columns, PANEL * rows + 0.4, title=title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(lines) :]:
        axes.set_axis_off()
    for axes, (name, drawn) in zip(panels, lines.items(), strict=False):
        for entry, c in drawn:
            positive, probs = entry.scored.target == c, entry.scored.probs[:, c]
            label = f"{entry.classifier.name} (AUC {auroc(positive, probs):.3f})"
            draw_curve(axes, *roc_curve(positive, probs), label=label)
        axes.plot([0, 1], [0, 1], ":", color="0.6", label="chance")
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
        axes.set_title(name, fontsize=9, parse_math=False)
        draw_legend(axes, loc="lower right")
    save_figure(figure, path)
    return True


def _save_reliability(entries: Sequence[Entry], path: Path, title: str) -> None:
    figure = new_figure(PANEL + 0.4, PANEL + 0.4, title=title)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="0.6", label="as said")
    for entry in entries:
        bins = reliability_bins(*confidence(entry.scored.target, entry.scored.probs))
        said, seen = [b.predicted for b in bins], [b.observed for b in bins]
        axes.plot(said, seen, marker=".", label=f" {entry.classifier.name}")
    axes.set(ylabel="share that came true", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    positive = {
        e.classifier.classes[1] if len(e.classifier.classes) == 2 else "the top class"
        for e in entries
    }
    axes.set_xlabel(f"probability of {' or '.join(sorted(positive))}", parse_math=False)
    draw_legend(axes)
    save_figure(figure, path)
