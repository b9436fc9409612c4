import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf

from classify.trust.gaussian import MOST_DIMENSIONS, fit_gaussian


def blobs(count=300, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, count)
    mixing = rng.normal(size=(dim, dim))
    return rng.normal(size=(count, dim)) @ mixing + 4.0 * target[:, None], target


def test_distances_are_scipys():
    vectors, target = blobs()
    means = np.stack([vectors[target == c].mean(axis=0) for c in range(3)])
    spread = LedoitWolf(assume_centered=True).fit(vectors - means[target]).covariance_
    queries = np.random.default_rng(1).normal(size=(20, 6)) * 5
    expected = cdist(queries, means, "mahalanobis", VI=np.linalg.inv(spread)).min(axis=1)
    found = fit_gaussian(vectors, target).distance(queries)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_rescaling_an_axis_changes_little_and_shifting_nothing():
    vectors, target = blobs(2000)
    moved = vectors + 7.0
    np.testing.assert_allclose(
        fit_gaussian(vectors, target).distance(vectors),
        fit_gaussian(moved, target).distance(moved),
        rtol=1e-3,
    )


@pytest.mark.parametrize("shape", [(20, 100), (40, MOST_DIMENSIONS + 50)])
def test_more_dimensions_than_images_stay_finite(shape):
    vectors = np.random.default_rng(0).normal(size=shape)
    found = fit_gaussian(vectors)
    assert np.isfinite(found.distance(vectors)).all()
    assert found.whitening.shape[1] <= MOST_DIMENSIONS
    assert found.distance(vectors + 50.0).min() > found.distance(vectors).max()


def test_constant_dimensions_do_not_divide_by_nothing():
    vectors = np.hstack([np.random.default_rng(0).normal(size=(50, 2)), np.full((50, 1), 3.0)])
    assert fit_gaussian(vectors).distance(vectors).max() < 10
