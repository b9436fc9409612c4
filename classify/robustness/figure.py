"""The picture of a robustness test: one line a corruption, over its severities."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from matplotlib import colormaps

from classify.robustness.results import Robustness
from medx.core.figures import new_figure, save_figure

PANELS = {"balanced_accuracy": "balanced accuracy", "auroc": "AUC"}
MARKERS = "osv^Dxp*<>Ph"


def save_robustness(result: Robustness, path: Path) -> Path:
    """Draw balanced accuracy and AUC over the severity of each corruption; return ``path``."""
    kind = " (synthetic)" if result.synthetic else ""
    title = f"{result.classifier} on spoilt images of {result.dataset}{kind}, {result.split}"
    figure = new_figure(11, 4.4, title=f"{title}, n = {result.n}")
    colours = itertools.cycle(colormaps["tab20"](np.arange(20)))
    styles = list(zip(result.corruptions, colours, itertools.cycle(MARKERS), strict=False))
    panels = figure.subplots(1, len(PANELS))
    for axes, (metric, label) in zip(panels, PANELS.items(), strict=True):
        clean = result.clean[metric]
        start = None if clean is None else clean.estimate
        for corruption, colour, marker in styles:
            heights = [start, *(figures[metric] for figures in corruption.by_severity)]
            drawn = [float("nan") if height is None else height for height in heights]
            axes.plot(
                range(len(drawn)), drawn, color=colour, marker=marker, markersize=4,
                linewidth=1.2, label=corruption.name,
            )  # fmt: skip
        axes.axhline(result.chance[metric], linestyle=":", color="0.5", label="chance")
        axes.set(xlabel="severity (0: as it is)", ylabel=label)
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8)
    return save_figure(figure, path)
