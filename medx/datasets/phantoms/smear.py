"""Procedural thin blood-smear fields under bright field, Giemsa stained, with a box per object.

Each field is laid out in µm, painted as amounts of dye, and photographed by the light those dyes
let through, with one virtual lab's stain, lamp, lens and camera.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom

from medx.core.children import choose_workers, run_in_children
from medx.datasets.phantoms.anatomy import float32
from medx.datasets.phantoms.blood_cells import (
    LEUKOCYTE_KINDS,
    RED_RADIUS,
    Box,
    RedCell,
    draw_shape,
    paint_leukocyte,
    paint_platelet,
    paint_red_cell,
)
from medx.datasets.phantoms.canvas import EOSIN, PURPLE, Canvas
from medx.datasets.phantoms.parasites import SWOLLEN, paint_infected
from medx.datasets.phantoms.smear_config import (
    DIFFICULT,
    LABS,
    LEUKOCYTE,
    RED_CELL,
    STAGES,
    SmearConfig,
)
from medx.datasets.phantoms.stains import photograph, style_of

STAGE_SHARES = (0.45, 0.25, 0.15, 0.15)  # in the order of STAGES
DIFFICULT_SHARE = 0.004  # of red cells: a platelet or a speck of stain lies on them
_PLATELETS = 4.0  # in a field
_TRIES = 24  # places tried for each cell before the emptiest is taken
_SLIDE, _FIELD, _NOISE = range(100, 103)  # independent random streams


@dataclass(frozen=True, kw_only=True)
class SmearObject:
    """One object of a field.

    Attributes:
        category: One of `CATEGORIES`.
        box: (x, y, width, height) in pixels, tight, cut at the image's border.
    """

    category: str
    box: Box


@dataclass(frozen=True, kw_only=True, eq=False)
class SmearField:
    """One synthetic field and the truth about it.

    Attributes:
        id: Stable name, from seed and index.
        image: uint8 (H, W, 3).
        objects: Every red cell and leukocyte; platelets are not listed, as in BBBC041.
        slide: Slide name; fields of one slide share lab and stain.
        number: Number of the slide, from 0.
        lab: One of `LABS`.
    """

    id: str
    image: npt.NDArray[np.uint8]
    objects: tuple[SmearObject, ...]
    slide: str
    number: int
    lab: str


def render_field(config: SmearConfig, index: int) -> SmearField:
    """Render one field; the result does not depend on `config.count` or on other fields."""
    if index < 0:
        raise ValueError(f"index must be >= 0, got {index}")
    number = index // config.fields_per_slide
    slide = np.random.default_rng((config.seed, _SLIDE, number))
    lab = LABS[int(slide.integers(len(LABS)))]
    stained = np.exp(slide.normal(0.0, 0.06, 4))  # no two slides take the dyes alike
    rng = np.random.default_rng((config.seed, _FIELD, index))
    canvas = Canvas(config.width, config.height, rng)
    style = style_of(lab, config.stain_strength)
    objects = tuple(_paint(canvas, config, rng))
    canvas.dye *= float32(stained)[:, None, None]
    canvas.dye[EOSIN] += _plasma(canvas, style.plasma, rng)
    noise = np.random.default_rng((config.seed, _NOISE, index))
    return SmearField(
        id=f"phantom-smear-{config.seed}-{index:06d}",
        image=photograph(canvas, style, abs(rng.normal(0.0, 0.08)), noise),
        objects=objects,
        slide=f"phantom-{config.seed}-s{number:05d}",
        number=number,
        lab=lab,
    )


def generate_fields(config: SmearConfig, *, workers: int | None = None) -> Iterator[SmearField]:
    """Yield `config.count` fields in index order, the same for any number of workers.

    Args:
        config: The dataset's settings.
        workers: Processes that render; None takes one per CPU once the work is worth starting them.
    """
    pixels = config.width * config.height
    if workers is None:
        workers = choose_workers(config.count * pixels, each=pixels)
    return run_in_children(render_field, config, count=config.count, pixels=pixels, workers=workers)


def _paint(canvas: Canvas, config: SmearConfig, rng: np.random.Generator) -> list[SmearObject]:
    objects, taken = [], _Places(canvas, rng)
    for _ in range(rng.poisson(config.leukocytes)):
        kind = str(rng.choice(list(LEUKOCYTE_KINDS), p=list(LEUKOCYTE_KINDS.values())))
        x, y = taken.find(7.0, inset=3.0)
        box, radius = paint_leukocyte(canvas, kind, x, y, rng)
        taken.add(x, y, radius)
        objects.append(SmearObject(category=LEUKOCYTE, box=box))
    count = int(rng.poisson(config.cells))
    for infected, hard in rng.random((count, 2)) < (config.parasitaemia, DIFFICULT_SHARE):
        objects.append(_paint_cell(canvas, taken, bool(infected), bool(hard), rng))
    for _ in range(rng.poisson(_PLATELETS)):
        x, y = taken.find(1.4, inset=0.0)
        paint_platelet(canvas, x, y, rng)
        taken.add(x, y, 1.4)
    return objects


def _paint_cell(
    canvas: Canvas, taken: _Places, infected: bool, hard: bool, rng: np.random.Generator
) -> SmearObject:
    if infected:
        stage = str(rng.choice(STAGES, p=STAGE_SHARES))
        # A parasite that the border hides would make its label a lie.
        long = stage == "gametocyte"
        x, y = taken.find(4.6 if long else RED_RADIUS, inset=6.2 if long else 4.6)
        cell = draw_shape(rng, x, y, swollen=SWOLLEN[stage])
        taken.add(x, y, 4.6 if long else cell.radius)
        return SmearObject(category=stage, box=paint_infected(canvas, stage, cell, rng))
    # Overlaps are left to chance for one cell in five, and then limited.
    squeeze = rng.uniform(0.62, 0.9) if rng.random() < 0.22 else 1.02
    x, y = taken.find(RED_RADIUS * squeeze, inset=-2.2)
    cell = draw_shape(rng, x, y)
    taken.add(x, y, cell.radius)
    box = paint_red_cell(canvas, cell)
    if hard:
        _paint_doubt(canvas, cell, rng)
    return SmearObject(category=DIFFICULT if hard else RED_CELL, box=box)


def _paint_doubt(canvas: Canvas, cell: RedCell, rng: np.random.Generator) -> None:
    """Lay what a reader could take for a parasite onto a cell: a platelet or specks of stain."""
    x, y = rng.normal(0.0, 0.35 * cell.radius, 2)
    if rng.random() < 0.5:
        paint_platelet(canvas, cell.x + x, cell.y + y, rng)
        return
    for dx, dy in rng.normal(0.0, 0.7, (int(rng.integers(2, 6)), 2)):
        window = canvas.window(cell.x + x + dx, cell.y + y + dy, 1.2)
        away = np.hypot(window.x, window.y) / np.float32(rng.uniform(0.2, 0.45))
        canvas.add(window, PURPLE, float32(1.3 * np.exp(-away * away)))


def _plasma(canvas: Canvas, amount: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return the eosin of dried plasma: faint, in slow waves over the field."""
    height, width = canvas.dye.shape[1:]
    waves = zoom(rng.standard_normal((6, 8)), (height / 6, width / 8), order=1, grid_mode=True,
                 mode="nearest")  # fmt: skip
    return float32(np.maximum(amount * (1.0 + 0.18 * waves), 0.0))


class _Places:
    """Where objects lie already, and where there is room; lengths in µm."""

    def __init__(self, canvas: Canvas, rng: np.random.Generator) -> None:
        self._size = np.array([canvas.width, canvas.height])
        self._rng = rng
        self._taken = np.empty((0, 3))

    def add(self, x: float, y: float, radius: float) -> None:
        self._taken = np.vstack([self._taken, (x, y, radius)])

    def find(self, radius: float, *, inset: float) -> tuple[float, float]:
        """Return the first free place of some, or the emptiest; `inset` from the border."""
        places = self._rng.uniform(inset, self._size - inset, (_TRIES, 2))
        if not len(self._taken):
            return float(places[0, 0]), float(places[0, 1])
        away = np.hypot(*(places[:, None, :] - self._taken[None, :, :2]).transpose(2, 0, 1))
        gap = (away - self._taken[:, 2] - radius).min(axis=1)
        best = int(np.argmax(gap > 0)) if (gap > 0).any() else int(np.argmax(gap))
        return float(places[best, 0]), float(places[best, 1])
