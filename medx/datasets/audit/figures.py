"""Intensity histograms of an audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from medx.core.figures import new_figure, save_figure
from medx.core.files import safe_name
from medx.datasets.audit.features import HISTOGRAM_BINS
from medx.datasets.audit.result import Audit

MOST_LINES = 8


def save_histograms(audit: Audit, folder: Path) -> list[tuple[Path, str]]:
    """Write one figure for labels, sources and splits; return paths and titles."""
    written = []
    for kind, histograms in audit.histograms.items():
        if not histograms:
            continue
        shown = dict(list(histograms.items())[:MOST_LINES])
        left_out = len(histograms) - len(shown)
        title = f"grey levels by {kind}" + (f" ({left_out} more in audit.json)" * bool(left_out))
        path = folder / f"histogram-{safe_name(kind)}.png"
        written.append((_save_histogram(shown, path, title=title), title))
    return written


def _save_histogram(histograms: dict[str, list[float]], path: Path, *, title: str) -> Path:
    figure = new_figure(6.0, 3.4, title=title)
    axes = figure.subplots()
    levels = (np.arange(HISTOGRAM_BINS) + 0.5) * (256 / HISTOGRAM_BINS)
    lines = [axes.plot(levels, shares, linewidth=1.4)[0] for shares in histograms.values()]
    # Air and overexposure fill the ends; the rest should still be seen.
    inner = max(max(shares[2:-2]) for shares in histograms.values())
    axes.set_ylim(0, 1.15 * inner or 1)
    axes.set_xlim(0, 256)
    axes.set_xlabel("grey level")
    axes.set_ylabel("share of pixels")
    # matplotlib hides what starts with an underscore and sets what stands between $ as formulas.
    names = [f" {name}" for name in histograms]
    for text in axes.legend(lines, names, fontsize=8, frameon=False).get_texts():
        text.set_parse_math(False)
    return save_figure(figure, path)
