from functools import partial

import numpy as np
from PIL import Image as PILImage

from classify.evaluation.figures import save_confusion_matrix, save_precision_recall, save_roc


def test_every_class_that_can_be_drawn_is(tmp_path):
    probs = np.full((4, 3), 1 / 3)
    target = np.array([0, 1, 0, 1])
    assert save_roc(target, probs, ("a", "b", "c"), {}, tmp_path / "roc.png").is_file()
    assert save_precision_recall(target, probs, ("a", "b", "c"), tmp_path / "pr.png").is_file()


def test_the_legend_of_many_curves_hides_none(tmp_path):
    target, probs = np.arange(8) % 4, np.full((8, 4), 0.25)
    for save in (partial(save_roc, operating_points={}), save_precision_recall):
        path = save(target, probs, tuple("abcd"), path=tmp_path / "curves.png")
        with PILImage.open(path) as image:
            assert image.width > 1.4 * image.height


def test_one_class_alone_has_no_curve(tmp_path):
    target, probs = np.zeros(4, int), np.full((4, 2), 0.5)
    assert save_roc(target, probs, ("a", "b"), {"half": 0.5}, tmp_path / "none.png") is None
    assert save_precision_recall(target, probs, ("a", "b"), tmp_path / "none.png") is None
    assert not (tmp_path / "none.png").exists()


def test_class_names_that_look_like_formulas_are_drawn(tmp_path):
    path = save_confusion_matrix(
        np.array([[3, 1], [0, 0]]), ("$x_", "_b"), tmp_path / "c.png", title="test"
    )
    with PILImage.open(path) as image:
        assert image.format == "PNG"
    target, probs = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    points = {"$a_": 0.5, "sensitivity>=0.95": 0.3}
    assert save_roc(target, probs, ("$x_", "_b"), points, tmp_path / "roc.png").is_file()
