from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medx.datasets.phantoms.smear import generate_fields, render_field
from medx.datasets.phantoms.smear_config import CATEGORIES, LABS, STAGES, SmearConfig

TINY = SmearConfig(width=128, height=128)


def same(one, other):
    facts = [(f.id, f.objects, f.slide, f.lab) for f in (one, other)]
    return facts[0] == facts[1] and np.array_equal(one.image, other.image)


def test_rendering_twice_gives_the_same_field():
    assert all(same(render_field(TINY, i), render_field(TINY, i)) for i in range(4))
    assert not same(render_field(TINY, 0), render_field(replace(TINY, seed=1), 0))


def test_workers_do_not_change_the_fields():
    config = replace(TINY, count=18)
    alone = generate_fields(config, workers=1)
    together = generate_fields(config, workers=2)
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))


@given(index=st.integers(0, 5000), count=st.integers(1, 10_000))
@settings(max_examples=8, deadline=None)
def test_a_field_depends_on_its_index_and_not_on_the_count(index, count):
    assert same(render_field(TINY, index), render_field(replace(TINY, count=count), index))


@given(
    width=st.integers(128, 400),
    height=st.integers(128, 400),
    seed=st.integers(0, 999),
    cells=st.floats(0, 250),
)
@settings(max_examples=20, deadline=None)
def test_boxes_lie_inside_fields_of_any_size(width, height, seed, cells):
    config = SmearConfig(
        width=width, height=height, seed=seed, cells=cells, parasitaemia=0.3, leukocytes=2
    )
    field = render_field(config, seed)
    assert field.image.shape == (height, width, 3)
    assert field.image.dtype == np.uint8
    for found in field.objects:
        x, y, box_width, box_height = found.box
        assert found.category in CATEGORIES
        assert 0 <= x < x + box_width <= width
        assert 0 <= y < y + box_height <= height


def test_counts_and_parasitaemia_are_as_asked():
    config = replace(TINY, cells=60, parasitaemia=0.1, leukocytes=0.5)
    fields = [render_field(config, index) for index in range(40)]
    found = Counter(o.category for field in fields for o in field.objects)
    white = found.pop("leukocyte")
    red = sum(found.values())
    infected = sum(found[stage] for stage in STAGES)
    assert abs(red - 2400) < 4 * np.sqrt(2400)
    assert abs(white - 20) < 4 * np.sqrt(20)
    assert abs(infected - 0.1 * red) < 4 * np.sqrt(red * 0.1 * 0.9)
    assert all(found[stage] > 0 for stage in STAGES)
    assert 0 < found["difficult"] < 0.02 * red


def test_no_parasite_where_none_is_asked():
    config = replace(TINY, parasitaemia=0.0)
    fields = [render_field(config, index) for index in range(5)]
    assert not {o.category for f in fields for o in f.objects} & set(STAGES)


def test_fields_of_one_slide_share_its_lab():
    config = replace(TINY, cells=3, fields_per_slide=2)
    fields = [render_field(config, index) for index in range(40)]
    assert len({f.slide for f in fields}) == 20
    assert len({(f.slide, f.lab) for f in fields}) == 20
    assert {f.lab for f in fields} == set(LABS)


def test_stain_strength_zero_makes_labs_alike():
    def spread(strength):
        config = replace(TINY, fields_per_slide=1, stain_strength=strength)
        colours = {lab: [] for lab in LABS}
        for field in (render_field(config, index) for index in range(16)):
            colours[field.lab].append(field.image.mean(axis=(0, 1)))
        return np.std([np.mean(found, axis=0) for found in colours.values()], axis=0).sum()

    assert spread(0.0) < 0.4 * spread(1.0)


def test_an_empty_field_is_pale_and_unevenly_lit():
    config = SmearConfig(width=320, height=240, cells=0, leukocytes=0)
    image = render_field(config, 0).image.astype(float)
    blocks = image.reshape(4, 60, 4, 80, 3).mean(axis=(1, 3))
    assert image.mean() > 180
    assert np.ptp(blocks[..., 1]) > 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0}, {"width": 64}, {"height": 9999}, {"seed": -1}, {"cells": -1},
        {"parasitaemia": 1.5}, {"leukocytes": float("nan")}, {"stain_strength": 2},
        {"fields_per_slide": 0},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_drawn_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be in"):
        SmearConfig(**wrong)
    with pytest.raises(ValueError, match="index must be >= 0"):
        render_field(TINY, -1)
