import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from classify.explanation.sanity import check_sanity, randomise, rank_correlation

QUICK = {"seed": 0, "resamples": 20}


@pytest.fixture(scope="session")
def pixels(squares):
    part = squares.split("val").where(lambda record: record.label == "square", limit=16)
    return part.load_pixels(32).pixels


def test_random_weights_destroy_grad_cam(squares_classifier, pixels, capfd):
    before = squares_classifier.logits(pixels)
    sanity = check_sanity(squares_classifier, pixels, method="gradcam", target=1, **QUICK)
    assert sanity.passed
    assert abs(sanity.steps[-1].correlation.estimate) < 0.4
    assert [step.random_share for step in sanity.steps] == sorted(
        step.random_share for step in sanity.steps
    )
    assert sanity.steps[0].down_to == "head.1"
    assert sanity.steps[-1].random_share == 1.0
    np.testing.assert_array_equal(squares_classifier.logits(pixels), before)
    assert "survive" not in capfd.readouterr().err


def test_maps_that_survive_are_reported_loudly(squares_classifier, pixels, monkeypatch, capfd):
    monkeypatch.setattr("classify.explanation.sanity.LIMIT", -1.0)
    sanity = check_sanity(squares_classifier, pixels[:2], method="gradcam", target=1, **QUICK)
    assert not sanity.passed
    assert "the gradcam maps survive random weights" in capfd.readouterr().err.replace("\n", " ")


def test_rank_correlation_agrees_with_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.random((6, 6)).round(1), rng.random((6, 6)).round(1)
    expected = spearmanr(first.ravel(), second.ravel()).statistic
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert rank_correlation(first, first**3) == pytest.approx(1.0)
    assert rank_correlation(first, np.zeros((6, 6))) == 0.0


def test_randomised_weights_keep_mean_and_spread_only():
    layer = torch.nn.Linear(200, 200)
    before = layer.weight.detach().clone()
    randomise(layer, torch.Generator().manual_seed(0))
    after = layer.weight.detach()
    assert torch.corrcoef(torch.stack([before.ravel(), after.ravel()]))[0, 1].abs() < 0.05
    assert after.std().item() == pytest.approx(before.std().item(), rel=0.05)
