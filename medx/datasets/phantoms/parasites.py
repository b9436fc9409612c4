"""The four blood stages of a falciparum-like parasite, laid into a red cell as dye; lengths in µm.

A ring is a thin blue hoop with one or two red-purple dots; a trophozoite is a compact blue body
with a larger dot and brown pigment; a schizont is a cluster of 8-20 merozoites about a clump of
pigment; a gametocyte is a crescent with pigment and chromatin about its middle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medx.datasets.phantoms.anatomy import FloatArray, float32, soft_step
from medx.datasets.phantoms.blood_cells import Box, Outline, RedCell, paint_red_cell
from medx.datasets.phantoms.canvas import AZURE, EOSIN, PIGMENT, PURPLE, Canvas, Window

SWOLLEN = {"ring": 1.0, "trophozoite": 1.04, "schizont": 1.06, "gametocyte": 1.0}


def paint_infected(canvas: Canvas, stage: str, cell: RedCell, rng: np.random.Generator) -> Box:
    """Lay a red cell with a parasite of `stage` onto the canvas and return the box of both."""
    return _PAINTERS[stage](canvas, cell, rng)


def _paint_ring(canvas: Canvas, cell: RedCell, rng: np.random.Generator) -> Box:
    box = paint_red_cell(canvas, cell)
    for _ in range(2 if rng.random() < 0.12 else 1):  # two rings in one cell are common
        radius = rng.uniform(1.0, 1.45)
        room = cell.radius - radius - 0.5
        x, y = _polar(room * np.sqrt(rng.random()), rng.uniform(0.0, 6.28))
        waves = ((2, rng.uniform(0.0, 0.15), rng.uniform(0.0, 6.28)),)
        hoop = Outline(x=cell.x + x, y=cell.y + y, radius=radius, waves=waves)
        window = canvas.window(hoop.x, hoop.y, 2.0 * radius)
        distance = hoop.distance(window)
        first = rng.uniform(0.0, 6.28)
        thin = np.arctan2(window.y, window.x) - np.float32(first)
        width = 0.30 - 0.08 * np.cos(thin)  # thickest opposite the nucleus
        band = np.exp(-(((distance - 1.0) * np.float32(radius) / width) ** 2))
        canvas.fade(window, EOSIN, float32(0.18 * soft_step((1.0 - distance) * 1.2, 0.5)))
        canvas.add(window, AZURE, float32(1.05 * band))
        for turn in (0.0, rng.uniform(0.9, 2.4))[: 2 if rng.random() < 0.3 else 1]:
            dot_x, dot_y = _polar(radius, first + turn)
            _dot(canvas, window, dot_x, dot_y, rng.uniform(0.42, 0.55), 1.25)
    return box


def _paint_trophozoite(canvas: Canvas, cell: RedCell, rng: np.random.Generator) -> Box:
    box = paint_red_cell(canvas, cell)
    radius = rng.uniform(1.7, 2.5)
    x, y = _polar((cell.radius - radius - 0.35) * rng.random(), rng.uniform(0.0, 6.28))
    waves = tuple((k, rng.uniform(0.03, 0.14), rng.uniform(0.0, 6.28)) for k in (2, 3, 5))
    body = Outline(
        x=cell.x + x, y=cell.y + y, radius=radius, stretch=rng.uniform(1.0, 1.3),
        angle=rng.uniform(0.0, 3.14), waves=waves,
    )  # fmt: skip
    window = canvas.window(body.x, body.y, 2.0 * radius)
    inside = soft_step((1.0 - body.distance(window)) * np.float32(radius), 1.4 * canvas.edge)
    hole_x, hole_y = _polar(0.4 * radius, rng.uniform(0.0, 6.28))
    vacuole = _disc(window, hole_x, hole_y, 0.28 * radius, 0.4)
    canvas.fade(window, EOSIN, float32(0.6 * inside))
    texture = np.maximum(0.78 + 0.1 * canvas.grain(window), 0.0)
    canvas.add(window, AZURE, float32(inside * texture * (1.0 - 0.85 * vacuole)))
    turn = rng.uniform(0.0, 6.28)
    dot_x, dot_y = _polar(0.62 * radius, turn)
    _dot(canvas, window, dot_x, dot_y, rng.uniform(0.6, 0.85), 1.1)
    _specks(canvas, window, _polar(0.4 * radius, turn + 3.1), 0.45, int(rng.integers(4, 9)), rng)
    return box


def _paint_schizont(canvas: Canvas, cell: RedCell, rng: np.random.Generator) -> Box:
    box = paint_red_cell(canvas, cell)
    radius = cell.radius * rng.uniform(0.74, 0.88)
    body = Outline(x=cell.x, y=cell.y, radius=radius, waves=((3, 0.04, rng.uniform(0.0, 6.28)),))
    window = canvas.window(cell.x, cell.y, 1.3 * radius)
    inside = soft_step((1.0 - body.distance(window)) * np.float32(radius), 2.0 * canvas.edge)
    canvas.fade(window, EOSIN, float32(0.55 * inside))
    canvas.add(window, AZURE, float32(0.3 * inside))
    count = int(rng.integers(8, 21))
    # A sunflower spiral spaces merozoites evenly, as they lie in a cell they have filled.
    turns = np.arange(count) * 2.39996 + rng.uniform(0.0, 6.28)
    reach = (radius - 0.55) * np.sqrt((np.arange(count) + 2.2) / (count + 1.7))
    for turn, out in zip(turns, reach, strict=True):
        x, y = _polar(out + rng.normal(0.0, 0.12), turn + rng.normal(0.0, 0.08))
        canvas.add(window, AZURE, np.float32(0.35) * _disc(window, x, y, 0.6, 0.4))
        _dot(canvas, window, x, y, rng.uniform(0.36, 0.46), 1.15)
    _specks(canvas, window, (rng.normal(0.0, 0.25), rng.normal(0.0, 0.25)), 0.28, 12, rng)
    return box


def _paint_gametocyte(canvas: Canvas, cell: RedCell, rng: np.random.Generator) -> Box:
    """Lay a crescent onto the ghost of its cell, which shows as a faint bib on the inner side."""
    length, half_width = rng.uniform(9.5, 12.0), rng.uniform(1.15, 1.5)
    bend = rng.uniform(4.6, 7.5)  # radius of the arc that is its axis
    female = rng.random() < 0.6
    window = canvas.window(cell.x, cell.y, 8.0)
    along, across = window.turned(cell.angle)
    centre = across - np.float32(bend - 1.4)  # the arc's centre lies on the inner side
    arc = np.float32(bend) * np.arctan2(along, -centre)  # from the middle, along the axis
    off = np.hypot(along, centre) - np.float32(bend)
    taper = np.clip(1.0 - (arc * np.float32(2.0 / length)) ** 2, 0.0, 1.0)
    room = half_width * taper ** np.float32(0.42) - np.abs(off)
    body = soft_step(room, 1.4 * canvas.edge) * (taper > 0)
    ghost = soft_step(3.0 - np.hypot(along * np.float32(0.85), across - 0.6), 1.4 * canvas.edge)
    bib = np.maximum(ghost * (0.42 - 0.15 * body), 0.25 * body)
    canvas.add(window, EOSIN, float32(bib * np.float32(cell.load)))
    texture = np.maximum(1.0 + 0.1 * canvas.grain(window), 0.0)
    canvas.add(window, AZURE, float32(body * texture * np.float32(0.82 if female else 0.42)))
    canvas.add(window, PURPLE, float32(body * np.float32(0.05 if female else 0.16)))
    spread = 0.75 if female else 1.5  # a male's chromatin is diffuse
    middle = np.exp(-((arc / np.float32(spread)) ** 2) - (off / np.float32(0.62)) ** 2)
    canvas.add(window, PURPLE, float32(body * middle * np.float32(0.85 if female else 0.45)))
    turn = cell.angle
    for _ in range(int(rng.integers(9, 16))):
        s, d = rng.normal(0.0, 1.1 if female else 1.7), rng.normal(0.0, 0.35)
        phi = s / bend
        u, v = (bend + d) * np.sin(phi), bend - 1.4 - (bend + d) * np.cos(phi)
        x, y = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
        canvas.add(window, PIGMENT, np.float32(0.5) * _disc(window, x, y, 0.17, 0.3))
    return canvas.tight_box(window, np.maximum(body, ghost) >= 0.5)


def _polar(reach: float, angle: float) -> tuple[float, float]:
    return float(reach * np.cos(angle)), float(reach * np.sin(angle))


def _disc(window: Window, x: float, y: float, radius: float, soft: float) -> FloatArray:
    away = np.hypot(window.x - np.float32(x), window.y - np.float32(y))
    return soft_step(np.float32(radius) - away, soft)


def _dot(
    canvas: Canvas, window: Window, x: float, y: float, radius: float, strength: float
) -> None:
    """Lay a dot of chromatin, its dye kept where the pixels are wider than it."""
    wide = max(radius, 0.6 * canvas.pixel)
    disc = _disc(window, x, y, wide, max(canvas.edge, 0.3))
    canvas.add(window, PURPLE, disc * np.float32(strength * (radius / wide) ** 2))


def _specks(
    canvas: Canvas,
    window: Window,
    centre: tuple[float, float],
    spread: float,
    count: int,
    rng: np.random.Generator,
) -> None:
    """Strew malaria pigment around a centre."""
    for x, y in rng.normal(centre, spread, (count, 2)):
        canvas.add(window, PIGMENT, np.float32(0.45) * _disc(window, x, y, 0.2, 0.3))


_PAINTERS: dict[str, Callable[[Canvas, RedCell, np.random.Generator], Box]] = {
    "ring": _paint_ring,
    "trophozoite": _paint_trophozoite,
    "schizont": _paint_schizont,
    "gametocyte": _paint_gametocyte,
}
