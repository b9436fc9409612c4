"""What the objects of a smear look like, measured on the dye they lay down and on the picture."""

from functools import lru_cache

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.spatial import ConvexHull

from medx.datasets.phantoms.blood_cells import (
    RedCell,
    draw_shape,
    paint_leukocyte,
    paint_red_cell,
)
from medx.datasets.phantoms.canvas import AZURE, EOSIN, PIGMENT, PURPLE, Canvas
from medx.datasets.phantoms.parasites import paint_infected
from medx.datasets.phantoms.smear_config import STAGES
from medx.datasets.phantoms.stains import NEUTRAL, photograph

CENTRE = (54.0, 40.5)  # µm


def new_canvas(seed=0):
    return Canvas(640, 480, np.random.default_rng(seed))


@lru_cache(maxsize=32)
def portrait(stage, seed=0):
    """Return a canvas with one infected cell, its box and its picture."""
    rng = np.random.default_rng(seed)
    canvas = new_canvas(seed)
    box = paint_infected(canvas, stage, draw_shape(rng, *CENTRE), rng)
    return canvas, box, photograph(canvas, NEUTRAL, 0.0, rng).astype(float)


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1


def fullness(mask):
    """Return the area of a mask over that of its convex hull."""
    return mask.sum() / ConvexHull(np.argwhere(mask)).volume


def elongation(mask):
    spread = np.linalg.eigvalsh(np.cov(np.argwhere(mask).T))
    return np.sqrt(spread[1] / spread[0])


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("seed", range(4))
def test_the_box_of_an_infected_cell_is_tight(stage, seed):
    canvas, box, _ = portrait(stage, seed)
    around = box_of(canvas.dye[EOSIN] + canvas.dye[AZURE] > 0.15)
    assert np.abs(np.subtract(box, around)).max() <= 3


@pytest.mark.parametrize("seed", range(4))
def test_the_box_of_a_red_cell_is_tight(seed):
    canvas = new_canvas()
    box = paint_red_cell(canvas, draw_shape(np.random.default_rng(seed), *CENTRE))
    assert np.abs(np.subtract(box, box_of(canvas.dye[EOSIN] > 0.3))).max() <= 2
    assert 30 < box[2] < 70


def test_a_box_is_cut_at_the_border():
    canvas = new_canvas()
    x, _, width, height = paint_red_cell(canvas, draw_shape(np.random.default_rng(0), 0.5, 40.0))
    assert x == 0
    assert width < 0.75 * height


def test_a_red_cell_is_paler_in_its_middle():
    canvas = new_canvas()
    paint_red_cell(canvas, RedCell(x=54.0, y=40.5, radius=3.8, pallor=0.9, load=1.0))
    row = canvas.dye[EOSIN, 240, 298:343]
    assert row[22] < 0.6 * row.max()


def test_where_cells_overlap_their_absorbances_add():
    """Light through two cells is the product of the light through each (Beer–Lambert)."""
    cell = RedCell(x=54.0, y=40.5, radius=3.8, pallor=0.1, load=1.0)
    light = []
    for times in range(3):
        canvas, rng = new_canvas(), np.random.default_rng(0)
        for _ in range(times):
            paint_red_cell(canvas, cell)
        light.append(photograph(canvas, NEUTRAL, 0.0, rng)[235:245, 315:325].mean(axis=(0, 1)))
    assert light[2] / light[0] == pytest.approx((light[1] / light[0]) ** 2, rel=0.03)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("seed", range(3))
def test_chromatin_is_darker_than_cytoplasm_which_is_bluer_than_the_cell(stage, seed):
    canvas, _, image = portrait(stage, seed)
    chromatin = canvas.dye[PURPLE] > 0.4
    cytoplasm = (canvas.dye[AZURE] > 0.2) & (canvas.dye[PURPLE] < 0.2) & (canvas.dye[PIGMENT] < 0.1)
    red = (canvas.dye[EOSIN] > 0.15) & (canvas.dye[AZURE] < 0.02) & (canvas.dye[PURPLE] < 0.02)
    bluer = image[..., 2] - image[..., 0]
    assert image[chromatin].mean() < image[cytoplasm].mean() - 15
    assert bluer[cytoplasm].mean() > bluer[red].mean() + 10


@pytest.mark.parametrize("seed", range(6))
def test_stages_have_their_numbers_of_nuclei(seed):
    nuclei = {s: label(portrait(s, seed)[0].dye[PURPLE] > 0.6)[1] for s in ("ring", "trophozoite")}
    assert 1 <= nuclei["ring"] <= 4
    assert nuclei["trophozoite"] == 1
    schizont = portrait("schizont", seed)[0].dye[PURPLE] > 0.6
    assert schizont.sum() > 3 * (portrait("ring", seed)[0].dye[PURPLE] > 0.6).sum()


def test_stages_grow():
    def area(stage, seed):
        canvas = portrait(stage, seed)[0]
        return (canvas.dye[AZURE] + canvas.dye[PURPLE] > 0.2).sum()

    stages = ("ring", "trophozoite", "schizont")
    ring, trophozoite, schizont = (np.mean([area(s, i) for i in range(6)]) for s in stages)
    assert 1.3 * ring < trophozoite < schizont


@pytest.mark.parametrize("seed", range(6))
def test_a_gametocyte_is_an_elongated_bent_crescent(seed):
    crescent = portrait("gametocyte", seed)[0].dye[AZURE] > 0.2
    assert elongation(crescent) > 2.2
    assert fullness(crescent) < 0.94
    trophozoite = portrait("trophozoite", seed)[0].dye[AZURE] > 0.2
    assert elongation(crescent) > 1.4 * elongation(trophozoite)


@pytest.mark.parametrize("stage", ["trophozoite", "schizont", "gametocyte"])
def test_grown_stages_hold_pigment(stage):
    assert portrait(stage)[0].dye[PIGMENT].max() > 0.3
    assert portrait("ring")[0].dye[PIGMENT].max() == 0


@pytest.mark.parametrize("kind", ["neutrophil", "lymphocyte", "monocyte", "eosinophil"])
def test_leukocytes_are_larger_than_red_cells_with_a_dark_nucleus(kind):
    canvas, rng = new_canvas(), np.random.default_rng(1)
    box, radius = paint_leukocyte(canvas, kind, *CENTRE, rng)
    image = photograph(canvas, NEUTRAL, 0.0, rng).astype(float)
    nucleus = canvas.dye[PURPLE] > 0.5
    assert box[2] == pytest.approx(2 * radius / canvas.pixel, rel=0.15)
    assert radius > 4
    assert image[nucleus].mean() < 0.55 * image[:50].mean()


def test_a_neutrophils_nucleus_is_lobed_and_a_lymphocytes_is_round():
    def nucleus(kind, seed):
        canvas = new_canvas(seed)
        paint_leukocyte(canvas, kind, *CENTRE, np.random.default_rng(seed))
        return fullness(canvas.dye[PURPLE] > 0.45)

    lobed = [nucleus("neutrophil", seed) for seed in range(6)]
    round_ = [nucleus("lymphocyte", seed) for seed in range(6)]
    assert max(lobed) < min(round_)
    assert np.mean(lobed) < 0.85
