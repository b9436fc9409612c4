import numpy as np
import pytest

from classify.evaluation.embedding_map import map_embeddings, place
from classify.predict import load_classifier


def test_what_is_near_in_features_is_near_on_the_plane():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 30)
    features = rng.normal(size=(60, 40)) + 8 * truth[:, None]
    points = place(features, seed=0)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = np.argsort(distances + 1e9 * np.eye(60), axis=1)[:, 0]
    assert np.mean(truth[nearest] == truth) == 1.0
    assert points == pytest.approx(place(features, seed=0))


@pytest.mark.parametrize(
    "features", [np.ones((20, 5)), np.full((20, 5), np.nan), np.ones((20, 2)) * [[1.0, 2.0]]]
)
def test_features_that_do_not_differ_have_no_map(features):
    assert place(features, seed=0) is None


def test_points_are_capped_and_few_images_have_no_map(binary_run, monkeypatch):
    classifier = load_classifier(binary_run, "cpu")
    pixels = np.random.default_rng(0).integers(0, 255, (60, 16, 16), dtype=np.uint8)
    monkeypatch.setattr("classify.evaluation.embedding_map.MOST_POINTS", 25)
    placed = map_embeddings(classifier, pixels, seed=0)
    assert (len(placed.rows), placed.points.shape, placed.total) == (25, (25, 2), 60)
    assert "25 of 60 images, at random" in placed.title
    assert map_embeddings(classifier, pixels[:9], seed=0) is None
