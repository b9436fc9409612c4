import numpy as np
import pytest

from medx.core.statistics import bootstrap_interval


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
