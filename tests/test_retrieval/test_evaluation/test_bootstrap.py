import numpy as np
import pytest

from medx.core.statistics import bootstrap_interval
from retrieval.evaluation.bootstrap import BootstrapMeans


def test_intervals_are_those_of_a_plain_bootstrap():
    values = np.random.default_rng(0).random(200)
    plain = bootstrap_interval(lambda v: float(v.mean()), values)
    quick = BootstrapMeans(values[:, None]).interval(0)
    assert quick.estimate == pytest.approx(plain.estimate)
    assert quick.low == pytest.approx(plain.low, abs=0.01)
    assert quick.high == pytest.approx(plain.high, abs=0.01)


def test_groups_are_drawn_whole():
    values = np.repeat([0.0, 1.0] * 10, 30)
    groups = [f"p{i // 30}" for i in range(len(values))]
    alone = BootstrapMeans(values[:, None]).interval(0)
    grouped = BootstrapMeans(values[:, None], groups=groups).interval(0)
    assert grouped.estimate == alone.estimate == 0.5
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_mean_of_columns_weighs_columns_alike():
    values = np.array([[1.0, np.nan]] * 9 + [[np.nan, 0.0]])
    means = BootstrapMeans(values)
    assert means.interval(0).estimate == 1.0
    assert means.interval(0, 1).estimate == 0.5


def test_same_seed_same_interval():
    values = np.random.default_rng(1).random((50, 1))
    assert BootstrapMeans(values, seed=3).interval(0) == BootstrapMeans(values, seed=3).interval(0)
    assert BootstrapMeans(values, seed=3).interval(0) != BootstrapMeans(values, seed=4).interval(0)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        BootstrapMeans(np.empty((0, 2)))
