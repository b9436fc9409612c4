import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.tuning.search_space import SweepConfig, draw_settings, read_space
from medx.core.errors import InputError, UnknownNameError


def test_a_grid_is_every_combination_in_order():
    config = SweepConfig(space=read_space(None, ["epochs=1,2", "loss=focal,cross-entropy"]))
    assert [tuple(s.values()) for s in draw_settings(config)] == [
        (1, "focal"), (1, "cross-entropy"), (2, "focal"), (2, "cross-entropy"),
    ]  # fmt: skip


def test_a_file_is_read_and_options_win(tmp_path):
    (tmp_path / "space.yaml").write_text("class_weights: [null, [0.6, 0.4]]\nepochs: 3\n")
    space = read_space(tmp_path / "space.yaml", ["epochs=1,2"])
    assert space == {"class_weights": [None, [0.6, 0.4]], "epochs": [1, 2]}


@given(st.integers(0, 1000), st.integers(1, 30))
def test_random_draws_are_in_range_distinct_and_repeatable(seed, count):
    space = {"learning_rate": ["1e-4..1e-2"], "members": ["1..9"], "tta": ["none", "mirror"]}
    config = SweepConfig(space=space, random=count, seed=seed)
    drawn = draw_settings(config)
    assert drawn == draw_settings(config)
    assert len(drawn) == count == len({str(one) for one in drawn})
    assert all(1e-4 <= one["learning_rate"] <= 1e-2 for one in drawn)
    assert all(one["members"] in range(1, 10) for one in drawn)


def test_a_range_is_drawn_evenly_by_order_of_magnitude():
    config = SweepConfig(space={"learning_rate": ["1e-4..1e-2"]}, random=400)
    below = sum(one["learning_rate"] < 1e-3 for one in draw_settings(config))
    assert math.isclose(below / 400, 0.5, abs_tol=0.1)


def test_a_small_space_is_drawn_out():
    config = SweepConfig(space={"epochs": [1, 2, 2]}, random=10)
    assert sorted(one["epochs"] for one in draw_settings(config)) == [1, 2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": {}}, "nothing to try"),
        ({"space": {"epochs": []}}, "epochs has no value"),
        ({"space": {"epochs": ["1..3"]}}, "epochs is a range"),
        ({"space": {"epochs": [1]}, "folds": 1}, "folds must be >= 2"),
        ({"space": {"epochs": [1]}, "seeds": 0}, "seeds must be >= 1"),
    ],
)
def test_bad_sweeps_are_refused(changes, said):
    with pytest.raises(InputError, match=said):
        SweepConfig(**changes)


@pytest.mark.parametrize("name", ["epoch", "seed", "dataset"])
def test_only_settings_of_training_are_searched(name):
    with pytest.raises(UnknownNameError):
        SweepConfig(space={name: [1]})


def test_a_range_that_is_none_is_refused():
    with pytest.raises(InputError, match="a range is written"):
        draw_settings(SweepConfig(space={"learning_rate": ["fast..slow"]}, random=2))


def test_a_grid_beyond_patience_is_refused():
    space = {"epochs": list(range(1, 100)), "members": list(range(1, 100))}
    with pytest.raises(InputError, match="9,801"):
        draw_settings(SweepConfig(space=space))


@pytest.mark.parametrize("grid", ["epochs", "epochs=", "epochs=[1"])
def test_a_grid_that_cannot_be_read(grid):
    with pytest.raises(InputError, match="--grid"):
        read_space(None, [grid])


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "space.yaml").write_text("- 1\n")
    for name in ("space.yaml", "nowhere.yaml"):
        with pytest.raises(InputError):
            read_space(tmp_path / name, [])
