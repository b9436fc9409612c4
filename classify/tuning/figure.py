"""A picture of a sweep: one panel a setting, one point a combination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from classify.tuning.result import SweepResult
from medx.core.figures import new_figure, save_figure

COLUMNS = 3


def save_sweep_figure(result: SweepResult, path: Path) -> Path:
    """Draw what each combination reached against the value of each setting that varies."""
    names = [
        name
        for name in result.best
        if len({str(one.settings[name]) for one in result.leaderboard}) > 1
    ] or list(result.best)[:1]
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    made_up = " (synthetic)" if result.synthetic else ""
    figure = new_figure(
        1.0 + 3.4 * columns,
        0.7 + 2.9 * rows,
        title=f"{result.select} on val of {result.dataset}{made_up}",
    )
    cells = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for cell, name in zip(cells, names, strict=False):
        _draw(cell, name, result)
    for cell in cells[len(names) :]:
        cell.set_axis_off()
    return save_figure(figure, path)


def _draw(cell: Any, name: str, result: SweepResult) -> None:
    done = [one for one in result.leaderboard if one.mean is not None]
    values = {str(one.settings[name]): one.settings[name] for one in done}
    texts = sorted(values, key=lambda text: _by_size(values[text]))
    places = {text: place for place, text in enumerate(texts)}
    for one in done:
        x = places[str(one.settings[name])]
        best = one.rank == 1
        colour = "tab:orange" if best else "tab:blue"
        if one.low is not None:
            cell.plot([x, x], [one.low, one.high], color=colour, alpha=0.35)
        cell.plot(x, one.mean, "o", color=colour, zorder=3 if best else 2)
    cell.set_xticks(range(len(texts)), texts, rotation=45, ha="right")
    cell.set_xlabel(name)


def _by_size(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), ""
    try:
        return 0, float(str(value)), ""
    except ValueError:
        return 1, 0.0, str(value)
