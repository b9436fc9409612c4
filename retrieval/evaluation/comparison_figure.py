"""One picture of several indexes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.artist import Artist

from medx.core.figures import new_figure, save_figure
from retrieval.evaluation.figures import draw_rows, shown_rows
from retrieval.evaluation.results import ProtocolResult


def save_comparison_figure(
    series: Sequence[tuple[str, Sequence[ProtocolResult]]], title: str, path: Path
) -> Path:
    """Write P@k, mAP and MRR of every index beside the chance level, one panel a protocol.

    Args:
        series: Name and results of each index.
        title: Heading of the figure.
        path: The PNG to write.
    """
    names = list(dict.fromkeys((p.task, p.protocol) for _, protocols in series for p in protocols))
    colours = {name: f"C{number % 10}" for number, (name, _) in enumerate(series)}
    figure = new_figure(5.2 * len(names), 4.4, title=title)
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True).ravel()
    entries: dict[str, Artist] = {}
    for panel, (task, protocol) in zip(panels, names, strict=True):
        scope = "all" if task == "image-to-image" else "macro"
        rows = [
            (name, row)
            for name, protocols in series
            for p in protocols
            if (p.task, p.protocol) == (task, protocol)
            for row in shown_rows(p)
            if row.scope == scope
        ]
        draw_rows(panel, rows, colours)
        of = "all queries" if scope == "all" else "mean of classes"
        panel.set_title(f"{task}\n{protocol}, {of}", fontsize=9)
        handles, labels = panel.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    panels[0].set_ylabel("value")
    legend = figure.legend(
        list(entries.values()), list(entries), loc="outside right upper", fontsize=7
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return save_figure(figure, path)
