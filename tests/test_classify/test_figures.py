import numpy as np
import pytest
from PIL import Image as PILImage
from sklearn.metrics import auc, roc_auc_score

from classify import figures
from classify.figures import roc_curve, save_confusion_matrix, save_failures, save_roc


def test_the_curve_encloses_the_area_sklearn_finds():
    rng = np.random.default_rng(0)
    positive = rng.random(200) < 0.4
    scores = np.round(rng.normal(size=200) + positive, 1)  # with ties
    fall_out, hits = roc_curve(positive, scores)
    assert (fall_out[0], hits[0], fall_out[-1], hits[-1]) == (0, 0, 1, 1)
    assert auc(fall_out, hits) == pytest.approx(roc_auc_score(positive, scores))


def test_every_class_that_can_be_drawn_is(tmp_path):
    probs = np.full((4, 3), 1 / 3)
    target = np.array([0, 1, 0, 1])
    assert save_roc(target, probs, ("a", "b", "c"), None, tmp_path / "roc.png").is_file()
    assert save_roc(np.zeros(4, int), probs[:, :2], ("a", "b"), 0.5, tmp_path / "none.png") is None
    assert not (tmp_path / "none.png").exists()


def test_the_worst_mistakes_come_first(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        figures,
        "save_image_grid",
        lambda pixels, captions, path, title: drawn.update(captions=captions, title=title),
    )
    target, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.95, 0.05], [0.2, 0.8]])
    pixels = np.zeros((4, 8, 8), np.uint8)
    save_failures(pixels, list("abcd"), target, predicted, probs, ("no", "yes"), tmp_path / "f.png")
    assert [caption.split("\n")[0] for caption in drawn["captions"]] == ["c", "b"]
    assert "yes → no" in drawn["captions"][0]
    assert drawn["title"].startswith("worst 2 of 2 mistakes among 4")


def test_class_names_that_look_like_formulas_are_drawn(tmp_path):
    path = save_confusion_matrix(
        np.array([[3, 1], [0, 2]]), ("$x_", "b"), tmp_path / "c.png", title="test"
    )
    with PILImage.open(path) as image:
        assert image.format == "PNG"
