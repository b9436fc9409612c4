"""Red cells, leukocytes and platelets laid onto a canvas as dye; lengths in µm.

Sizes follow haematology texts: red cells 6.8-8.2 µm across, neutrophils 12-14, lymphocytes 8-11,
monocytes 14-17, platelets 2-3. A red cell's thickness is that of Evans and Fung (1972), flattened
as cells on a dried film are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medx.datasets.phantoms.anatomy import FloatArray, float32, soft_step
from medx.datasets.phantoms.canvas import AZURE, EOSIN, PURPLE, Canvas, Window

Box = tuple[int, int, int, int]

RED_RADIUS = 3.75
LEUKOCYTE_KINDS = {"neutrophil": 0.6, "lymphocyte": 0.3, "monocyte": 0.07, "eosinophil": 0.03}
_LEUKOCYTE_RADIUS = {
    "neutrophil": (6.0, 7.0), "lymphocyte": (4.2, 5.4), "monocyte": (7.0, 8.2),
    "eosinophil": (6.0, 7.0),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A closed, wavy, elongated outline around (x, y).

    Attributes:
        radius: Of the circle of about the same area.
        stretch: Length over breadth, 1 or more.
        angle: Of the long axis, radians.
        waves: (lobes, height as a share of the radius, phase) of each wave on the outline.
    """

    x: float
    y: float
    radius: float
    stretch: float = 1.0
    angle: float = 0.0
    waves: tuple[tuple[int, float, float], ...] = ()

    def distance(self, window: Window) -> FloatArray:
        """Return the distance from the centre as a share of that of the outline, (h, w)."""
        along, across = window.turned(self.angle)
        root = np.float32(np.sqrt(self.stretch))
        along, across = along / root, across * root
        reach = np.hypot(along, across)
        if not self.waves:
            return float32(reach / np.float32(self.radius))
        theta = np.arctan2(across, along)
        wave = np.ones_like(theta)
        for lobes, height, phase in self.waves:
            wave += np.float32(height) * np.cos(np.float32(lobes) * theta + np.float32(phase))
        return float32(reach / (np.float32(self.radius) * wave))


@dataclass(frozen=True, kw_only=True)
class RedCell(Outline):
    """One red cell.

    Attributes:
        pallor: How far its middle is thinner than its rim: 0 flat, 1 as in suspension.
        load: Haemoglobin relative to the mean.
        young: Azure taken up by what is left of its RNA.
    """

    pallor: float
    load: float
    young: float = 0.0


def draw_shape(rng: np.random.Generator, x: float, y: float, *, swollen: float = 1.0) -> RedCell:
    """Draw how one red cell looks; `swollen` scales its radius."""
    waves = [
        (lobes, abs(rng.normal(0.0, height)), rng.uniform(0.0, 6.28))
        for lobes, height in ((2, 0.025), (3, 0.025), (4, 0.012), (5, 0.008))
    ]
    if rng.random() < 0.015:  # crenated, as cells on a slowly dried film
        waves.append((int(rng.integers(11, 17)), 0.04, rng.uniform(0.0, 6.28)))
    oval = rng.uniform(1.2, 1.5) if rng.random() < 0.04 else 1.0 + abs(rng.normal(0.0, 0.05))
    return RedCell(
        x=x,
        y=y,
        radius=RED_RADIUS * swollen * float(np.clip(rng.normal(1.0, 0.065), 0.78, 1.2)),
        stretch=oval,
        angle=rng.uniform(0.0, 3.1416),
        waves=tuple(waves),
        pallor=float(np.clip(rng.normal(0.75, 0.2), 0.1, 1.1)),
        load=float(np.exp(rng.normal(0.0, 0.1))),
        young=0.22 if rng.random() < 0.015 else 0.0,
    )


def paint_red_cell(canvas: Canvas, cell: RedCell) -> Box:
    """Lay a red cell onto the canvas and return its box."""
    window = canvas.window(cell.x, cell.y, 1.7 * cell.radius)
    distance = cell.distance(window)
    inside = soft_step((1.0 - distance) * np.float32(cell.radius), canvas.edge)
    squared = np.minimum(distance, 1.0) ** 2
    disc = np.sqrt(1.0 - squared) * (0.315 + squared * (3.05 - 1.71 * squared))  # Evans and Fung
    flat = 0.92 - 0.2 * squared**4
    rim = np.exp(-(((distance - 0.95) * np.float32(14.0)) ** 2)) * np.float32(0.16)
    thickness = np.float32(cell.pallor) * (disc - flat) + flat + rim
    amount = float32(thickness * inside * np.float32(cell.load))
    canvas.add(window, EOSIN, amount)
    if cell.young:
        canvas.add(window, AZURE, amount * np.float32(cell.young))
    return canvas.tight_box(window, inside >= 0.5)


def paint_leukocyte(
    canvas: Canvas, kind: str, x: float, y: float, rng: np.random.Generator
) -> tuple[Box, float]:
    """Lay a leukocyte onto the canvas; return its box and radius."""
    radius = rng.uniform(*_LEUKOCYTE_RADIUS[kind])
    waves = tuple((lobes, rng.uniform(0.0, 0.03), rng.uniform(0.0, 6.28)) for lobes in (2, 3, 4, 5))
    body = Outline(x=x, y=y, radius=radius, waves=waves)
    window = canvas.window(x, y, 1.3 * radius)
    distance = body.distance(window)
    inside = soft_step((1.0 - distance) * np.float32(radius), 1.5 * canvas.edge)
    grain = canvas.grain(window)
    eosin, azure, purple = _CYTOPLASM[kind]
    canvas.add(window, EOSIN, float32(inside * np.maximum(eosin[0] + eosin[1] * grain, 0.0)))
    rim = 0.75 + 0.35 * np.minimum(distance, 1.0) ** 4
    canvas.add(window, AZURE, float32(inside * rim * np.maximum(azure + 0.04 * grain, 0.0)))
    canvas.add(window, PURPLE, float32(inside * np.maximum(purple[0] + purple[1] * grain, 0.0)))
    nucleus = _nucleus(canvas, window, kind, radius, rng) * inside
    canvas.fade(window, EOSIN, float32(0.6 * nucleus))
    chromatin = 1.0 + 0.17 * grain
    canvas.add(window, PURPLE, float32(nucleus * np.float32(rng.uniform(0.8, 1.0)) * chromatin))
    canvas.add(window, AZURE, float32(nucleus * np.float32(0.35)))
    return canvas.tight_box(window, inside >= 0.5), radius


#: (eosin and its granularity, azure, purple and its granularity) of each kind's cytoplasm.
_CYTOPLASM = {
    "neutrophil": ((0.24, 0.05), 0.07, (0.06, 0.03)),
    "lymphocyte": ((0.05, 0.02), 0.50, (0.02, 0.02)),
    "monocyte": ((0.15, 0.03), 0.34, (0.06, 0.04)),
    "eosinophil": ((1.25, 0.75), 0.04, (0.03, 0.02)),
}


def _nucleus(
    canvas: Canvas, window: Window, kind: str, radius: float, rng: np.random.Generator
) -> FloatArray:
    """Return how far each pixel is nucleus, 0-1: lobes on a bent line that run into one another."""
    angle = rng.uniform(0.0, 6.28)
    if kind == "lymphocyte":
        x, y = 0.12 * radius * np.cos(angle), 0.12 * radius * np.sin(angle)
        lobes = [(x, y, 0.80 * radius), (-0.4 * x, -0.4 * y, 0.74 * radius)]
        blend = 0.05
    elif kind == "monocyte":
        bend = np.linspace(-1.25, 1.25, 7) + angle
        lobes = [
            (0.36 * radius * np.cos(b), 0.36 * radius * np.sin(b), 0.36 * radius) for b in bend
        ]
        blend = 0.12
    else:
        count = (
            2 if kind == "eosinophil" else int(rng.choice([2, 3, 4, 5], p=[0.1, 0.4, 0.38, 0.12]))
        )
        sweep = min(1.2 * (count - 1), 4.3) + rng.normal(0.0, 0.15)
        bend = angle + np.linspace(-sweep / 2, sweep / 2, count)
        reach = radius * rng.uniform(0.46, 0.56, count)
        size = radius * rng.uniform(0.27, 0.35, count) * (1.15 if count < 4 else 0.95)
        lobes = list(zip(reach * np.cos(bend), reach * np.sin(bend), size, strict=True))
        blend = 0.06
    return _merge(window, lobes, blend * radius, canvas.edge)


def _merge(
    window: Window, lobes: list[tuple[float, float, float]], blend: float, edge: float
) -> FloatArray:
    """Return the union of discs (x, y, radius), joined smoothly over about `blend` µm."""
    total = np.zeros((window.y.shape[0], window.x.shape[1]), dtype=np.float32)
    for x, y, radius in lobes:
        depth = np.float32(radius) - np.hypot(window.x - np.float32(x), window.y - np.float32(y))
        total += np.exp(np.minimum(depth * np.float32(1.0 / blend), 40.0))
    return soft_step(np.log(np.maximum(total, 1e-12)) * np.float32(blend), 1.3 * edge)


def paint_platelet(canvas: Canvas, x: float, y: float, rng: np.random.Generator) -> None:
    """Lay a platelet onto the canvas: a pale blue blot around a clump of purple granules."""
    radius = rng.uniform(0.9, 1.5)
    waves = ((2, rng.uniform(0.0, 0.2), rng.uniform(0.0, 6.28)),
             (3, rng.uniform(0.0, 0.15), rng.uniform(0.0, 6.28)))  # fmt: skip
    blot = Outline(x=x, y=y, radius=radius, waves=waves)
    window = canvas.window(x, y, 1.6 * radius)
    distance = blot.distance(window)
    inside = soft_step((1.0 - distance) * np.float32(radius), 2.0 * canvas.edge)
    canvas.add(window, AZURE, inside * np.float32(0.25))
    core = np.exp(-((distance * np.float32(1.5)) ** 2)) * inside
    grain = np.maximum(0.5 + 0.3 * canvas.grain(window), 0.0)
    canvas.add(window, PURPLE, float32(core * grain))
