import numpy as np
import pytest
from scipy.stats import skew

from retrieval.evaluation.hubness import measure_hubness


def test_skewness_is_scipys():
    neighbours = np.random.default_rng(0).integers(0, 30, (50, 5)) ** 2 // 30
    occurrences = np.bincount(neighbours.reshape(-1), minlength=40)
    found = measure_hubness(neighbours, 40)
    assert found.skewness == pytest.approx(skew(occurrences))
    assert found.anti_hubs == np.mean(occurrences == 0)
    assert found.largest == occurrences.max()


def test_random_neighbours_are_as_uneven_as_chance_says():
    rng = np.random.default_rng(1)
    neighbours = np.stack([rng.choice(2000, 10, replace=False) for _ in range(500)])
    found = measure_hubness(neighbours, 2000)
    assert found.skewness == pytest.approx(found.chance_skewness, abs=0.15)
    assert found.anti_hubs == pytest.approx(found.chance_anti_hubs, abs=0.02)


def test_one_hub_is_seen():
    neighbours = np.stack([np.zeros(100, int), np.arange(1, 101)], axis=1)
    found = measure_hubness(neighbours, 200)
    assert found.largest == 100
    assert found.skewness > 10 > found.chance_skewness


def test_every_image_as_often_as_any_other_has_no_skewness():
    assert measure_hubness(np.arange(10)[:, None], 10).skewness is None
