import numpy as np
import pytest

from medx.core.statistics import bootstrap_interval
from retrieval.bootstrap import bootstrap_means


def test_intervals_are_those_of_a_plain_bootstrap():
    values = np.random.default_rng(0).random(200)
    plain = bootstrap_interval(lambda v: float(v.mean()), values)
    quick = bootstrap_means(values[:, None]).interval()
    assert quick.estimate == pytest.approx(plain.estimate)
    assert quick.low == pytest.approx(plain.low, abs=0.01)
    assert quick.high == pytest.approx(plain.high, abs=0.01)


def test_groups_are_drawn_whole():
    values = np.repeat([0.0, 1.0] * 10, 30)
    groups = [f"p{i // 30}" for i in range(len(values))]
    alone = bootstrap_means(values[:, None]).interval()
    grouped = bootstrap_means(values[:, None], groups=groups).interval()
    assert grouped.estimate == alone.estimate == 0.5
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_mean_of_columns_weighs_columns_alike():
    values = np.array([[1.0, np.nan, np.nan]] * 9 + [[np.nan, 0.0, np.nan]])
    means = bootstrap_means(values)
    assert means.interval([0]).estimate == 1.0
    assert means.mean_of([0, 1]).estimates[0] == 0.5
    assert means.mean_of([0, 1, 2]).estimates[0] == 0.5
    assert means.mean_of([2]).interval() is None


def test_same_seed_same_draws():
    first, second = np.random.default_rng(1).random((2, 50, 1))
    one, again = bootstrap_means(first, seed=3), bootstrap_means(first, seed=3)
    assert np.array_equal(one.samples, again.samples)
    assert not np.array_equal(one.samples, bootstrap_means(first, seed=4).samples)
    # Of two tables, the same rows are drawn: their differences are paired.
    both = bootstrap_means(first - second, seed=3).samples
    assert np.allclose(one.samples - bootstrap_means(second, seed=3).samples, both)


def test_all_or_none_is_counted_for_no_resample_differs():
    right = np.array([[1.0, 0.0, 0.5, np.nan]] * 10 + [[np.nan] * 3 + [1.0]] * 20)
    named = [f"p{row // 4}" for row in range(len(right))]
    for groups, units in ((None, (10, 10, 20)), (named, (3, 3, 6))):
        found = bootstrap_means(right, groups=groups, unit="queries")
        ends = [found.interval([column]) for column in (0, 1, 3)]
        # Clopper and Pearson's bound of none or all has a closed form.
        width = [1 - 0.025 ** (1 / count) for count in units]
        assert [1 - e.low if e.estimate else e.high for e in ends] == pytest.approx(width)
        assert {e.method for e in ends} == {"exact binomial of queries"}
        mean = found.interval([0, 2])
        assert (mean.estimate, mean.low) == (0.75, pytest.approx(0.75 - width[0] / 2))
        assert mean.high == 0.75
    assert found.interval([2]).low == 0.5  # no share of rows: half of each is right
    assert bootstrap_means(right).interval([1]).high == 0.0  # a difference of none, perhaps


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap_means(np.empty((0, 2)))
