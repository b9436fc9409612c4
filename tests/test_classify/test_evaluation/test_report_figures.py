import numpy as np

from classify.evaluation.decision_curve import decision_curve
from classify.evaluation.embedding_map import EmbeddingMap
from classify.evaluation.measured import ReliabilityBin
from classify.evaluation.report_figures import (
    save_decision_curves,
    save_embedding_map,
    save_reliability,
)
from medx.core.bootstrap import Bootstrap


def test_a_single_bin_and_a_hopeless_curve_can_be_drawn(tmp_path):
    scores, positive = np.full(30, 0.4), np.arange(30) < 3
    bins = [ReliabilityBin(n=30, predicted=0.4, observed=0.1)]
    path = tmp_path / "reliability.png"
    assert save_reliability(bins, scores, path, said="$p", title="reliability").is_file()
    curves = {"_yes$": decision_curve(positive, scores, Bootstrap(resamples=10))}
    assert save_decision_curves(curves, {"0.5": 0.5}, tmp_path / "curve.png").is_file()


def test_no_curve_is_no_figure(tmp_path):
    assert save_decision_curves({}, {}, tmp_path / "curve.png") is None
    assert save_decision_curves({"yes": []}, {}, tmp_path / "curve.png") is None
    assert not (tmp_path / "curve.png").exists()


def test_the_map_shows_classes_and_errors(tmp_path):
    placed = EmbeddingMap(rows=np.arange(5), points=np.zeros((5, 2)), total=9)
    target, predicted = np.array([0] * 9), np.array([0] * 9)
    path = save_embedding_map(placed, target, predicted, ("_a", "b"), tmp_path / "map.png")
    assert path.stat().st_size > 1000
    assert placed.title == "features of 5 of 9 images, at random (t-SNE)"
