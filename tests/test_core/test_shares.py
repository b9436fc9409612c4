import numpy as np
import pytest
from scipy.stats import binomtest

from medx.core.bootstrap import Bootstrap
from medx.core.shares import measure_share


@pytest.mark.parametrize(("found", "count"), [(0, 5), (5, 5), (3, 20), (190, 200)])
def test_independent_images_get_the_exact_interval(found, count):
    flags = np.arange(count) < found
    share = measure_share(flags, Bootstrap())
    exact = binomtest(found, count).proportion_ci(0.95, method="exact")
    assert (share.low, share.high) == pytest.approx((exact.low, exact.high))
    assert share.method == "exact binomial"


def test_patients_with_many_images_widen_it():
    flags = np.repeat(np.arange(20) < 10, 10)
    patients = [str(i) for i in np.repeat(np.arange(20), 10)]
    alone, grouped = (measure_share(flags, Bootstrap(groups=g)) for g in (None, patients))
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
    assert grouped.estimate == alone.estimate == 0.5


def test_a_share_of_all_counts_patients_where_they_repeat():
    patients = [str(i // 10) for i in range(200)]
    for flags in (np.ones(200, bool), np.zeros(200, bool)):
        grouped = measure_share(flags, Bootstrap(groups=patients))
        alone = measure_share(flags[:20], Bootstrap())
        assert (grouped.low, grouped.high) == (alone.low, alone.high)
        assert grouped.method == "exact binomial of patients"


def test_of_nothing_there_is_no_share():
    assert measure_share(np.zeros(0, bool), Bootstrap()) is None
