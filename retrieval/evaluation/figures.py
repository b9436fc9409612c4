"""Pictures of how well searches do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from medx.core.figures import new_figure, save_figure
from retrieval.evaluation.results import EvaluationResult, MeasureRow, ProtocolResult


def save_precision_figure(result: EvaluationResult, path: Path) -> Path:
    """Write P@k, mAP and MRR with 95 % intervals beside the chance level, one panel a protocol."""
    made_up = "SYNTHETIC " if result.synthetic else ""
    figure = new_figure(
        4.6 * len(result.protocols),
        4.2,
        title=f"{made_up}{result.dataset}, split {result.split}, encoder {result.encoder.name}",
    )
    names = dict.fromkeys(_series(row) for p in result.protocols for row in shown_rows(p))
    colours = {name: f"C{number % 10}" for number, name in enumerate(names)}
    panels = figure.subplots(1, len(result.protocols), squeeze=False, sharey=True).ravel()
    for panel, protocol in zip(panels, result.protocols, strict=True):
        rows = shown_rows(protocol)
        draw_rows(panel, [(_series(row), row) for row in rows], colours)
        panel.set_title(f"{protocol.task}\n{protocol.protocol}, n = {protocol.queries}", fontsize=9)
    panels[0].set_ylabel("value")
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside right upper", fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return save_figure(figure, path)


def shown_rows(protocol: ProtocolResult) -> list[MeasureRow]:
    """Return the rows that a picture has room for: P@k, mAP and MRR."""
    return [row for row in protocol.rows if row.measure == "precision" or row.top_k is None]


def draw_rows(
    panel: Axes, series: Sequence[tuple[str, MeasureRow]], colours: dict[str, str]
) -> None:
    """Draw rows by measure and series: a dot with its interval, a dash for chance."""
    ticks = list(dict.fromkeys(row.name for _, row in series))
    names = list(colours)
    step = 0.8 / len(names)
    labelled: set[str] = set()
    for name, row in series:
        place = ticks.index(row.name) + (names.index(name) - (len(names) - 1) / 2) * step
        middle = row.value.estimate
        reach = [[max(0.0, middle - row.value.low)], [max(0.0, row.value.high - middle)]]
        label = None if name in labelled else name
        labelled.add(name)
        panel.errorbar(place, middle, reach, fmt="o", color=colours[name], capsize=2, label=label)
        panel.scatter(place, row.chance, marker="_", color=colours[name], alpha=0.7)
    panel.set_xticks(range(len(ticks)), ticks, fontsize=8)
    panel.set_xlim(-0.6, len(ticks) - 0.4)
    panel.set_ylim(-0.02, 1.02)
    panel.set_xlabel("● with 95 % interval, – chance", fontsize=8)


def _series(row: MeasureRow) -> str:
    return row.label or {"all": "all queries", "macro": "mean of classes"}[row.scope]
