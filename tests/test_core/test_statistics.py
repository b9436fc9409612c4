import numpy as np
import pytest

from medx.core.statistics import bootstrap_interval, percentile_interval, resample_counts


def test_interval_of_a_mean_agrees_with_the_normal_approximation():
    values = np.random.default_rng(1).normal(5, 2, 400)
    interval = bootstrap_interval(np.mean, values)
    half = 1.96 * values.std() / 20
    assert interval.estimate == values.mean()
    assert abs(interval.low - (values.mean() - half)) < 0.04
    assert abs(interval.high - (values.mean() + half)) < 0.04


def test_rows_of_all_arrays_are_drawn_together():
    a = np.arange(50)
    interval = bootstrap_interval(lambda x, y: float((x == y).mean()), a, a.copy(), resamples=20)
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_grouped_rows_widen_the_interval():
    values = np.repeat([0.0, 1.0] * 10, 20)
    groups = [str(i // 20) for i in range(400)]
    alone = bootstrap_interval(np.mean, values, resamples=300)
    grouped = bootstrap_interval(np.mean, values, groups=groups, resamples=300)
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_undefined_resamples_are_left_out():
    interval = bootstrap_interval(lambda x: float("nan"), np.ones(3), resamples=5)
    assert np.isnan(interval.low)


@pytest.mark.parametrize("arrays", [([],), ([1, 2], [1])])
def test_empty_or_unequal_arrays_are_refused(arrays):
    with pytest.raises(ValueError, match="one length"):
        bootstrap_interval(np.mean, *map(np.array, arrays))


@pytest.mark.parametrize("count", [1, 7, 2_000_000])
def test_counts_of_a_resample_add_up(count):
    blocks = list(resample_counts(count, resamples=3, seed=0))
    assert sum(len(block) for block in blocks) == 3
    assert all(np.all(block.sum(axis=1, dtype=np.float64) == count) for block in blocks)


def test_counted_resamples_find_the_interval_of_copied_rows():
    values = np.random.default_rng(0).normal(size=300)
    blocks = resample_counts(300, resamples=2000, seed=1)
    means = np.concatenate([block @ values / 300 for block in blocks])
    counted = percentile_interval(float(values.mean()), means)
    copied = bootstrap_interval(lambda v: float(v.mean()), values, resamples=2000)
    assert counted.low == pytest.approx(copied.low, abs=0.01)
    assert counted.high == pytest.approx(copied.high, abs=0.01)


def test_rows_of_one_group_are_drawn_as_often():
    groups = ["a", "b", "a", "c", "b"]
    (block,) = resample_counts(5, groups=groups, resamples=50, seed=0)
    assert np.array_equal(block[:, 0], block[:, 2])
    assert np.array_equal(block[:, 1], block[:, 4])
    assert np.all(block[:, 0] + block[:, 1] + block[:, 3] == 3)
    with pytest.raises(ValueError, match="count must be >= 1"):
        next(resample_counts(0))


def test_percentiles_are_widened_to_the_estimate_and_nothing_is_none():
    held = percentile_interval(5.0, np.arange(4.0))
    assert (held.low, held.estimate, held.high) == (pytest.approx(0.075), 5.0, 5.0)
    assert percentile_interval(float("nan"), np.ones(3)) is None
    assert percentile_interval(1.0, np.full(3, np.nan)) is None
