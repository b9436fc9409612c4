import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classify.config import TrainConfig
from classify.embedders import Embedder, load_embedder, provide_embedders
from classify.exporting.export import export_classifier
from classify.model import build_model
from classify.predict import load_classifier
from classify.training.linear_probe import STRENGTHS, fit_probe, linear_head
from classify.training.train import train
from medx.core.errors import CheckpointError, InputError
from medx.embedder import load_embedder as retrieval_embedder

PROBE = TrainConfig(
    recipe="linear-probe", probe=True, model="test_resnet", pretrained=False, size=32, device="cpu"
)


def blobs(classes, seed=0):
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(classes), 25)
    centres = np.random.default_rng(99).normal(size=(classes, 6))
    return 3 + 0.1 * (centres[target] + rng.normal(size=(len(target), 6))), target


def stripes(images):
    """Embed by what changes along rows and columns: readable, and enough to tell the classes."""
    rows = [[np.ptp(i.mean(axis=0)), np.ptp(i.mean(axis=1)), i.mean(), 1.0] for i in images]
    return np.array(rows, np.float32)


@pytest.fixture
def toy_encoder():
    """Make encoder ``toy`` known; the test may change its fingerprint."""
    fingerprint = {"name": "toy", "weights_sha256": "a1", "preprocessing": "none", "dim": 4}

    def load(name, weights, device):
        return Embedder(name=name, fingerprint=dict(fingerprint), dim=4, embed=stripes)

    provide_embedders(load)
    yield fingerprint
    provide_embedders(retrieval_embedder)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_probe_is_logistic_regression_on_standardised_features(classes):
    (known, target), (judged, truth) = blobs(classes), blobs(classes, seed=1)
    probe = fit_probe(known, target, judged, truth, num_classes=classes, balanced=True)
    model = LogisticRegression(C=probe.chosen.strength, max_iter=500, class_weight="balanced")
    oracle = make_pipeline(StandardScaler(), model).fit(known, target)
    expected = oracle.predict_proba(judged)
    np.testing.assert_allclose(softmax(probe.logits(judged), axis=1), expected, atol=1e-3)


def test_the_penalty_is_the_best_on_val():
    (known, target), (judged, truth) = blobs(3), blobs(3, seed=1)
    probe = fit_probe(known, target, judged, truth, num_classes=3, balanced=False)
    assert [fit.strength for fit in probe.fits] == list(STRENGTHS)
    assert probe.chosen.val_auroc == max(fit.val_auroc for fit in probe.fits)


def test_a_class_that_train_lacks_is_never_predicted():
    known, target = blobs(3)
    kept = target != 1
    probe = fit_probe(known[kept], target[kept], known, target, num_classes=3, balanced=True)
    assert set(probe.logits(known).argmax(axis=1)) == {0, 2}


def test_a_probed_network_is_a_classifier_like_any_other(multiclass, tmp_path, capfd):
    config = replace(PROBE, operating_point="f1", tta="none")
    result = train(config, tmp_path / "run", multiclass)
    assert "f1 is a rule for two classes; of 3 the most probable" in capfd.readouterr().err
    assert result.augmentation == "none"
    assert result.val["auroc"].estimate > 0.9
    assert len(result.probe) == len(STRENGTHS)
    assert [epoch.phase for epoch in result.history] == ["probe"]
    classifier = load_classifier(tmp_path / "run", "cpu")
    pixels = multiclass.split("test").load_pixels(32).pixels
    head = linear_head(classifier.network)
    by_hand = torch.from_numpy(classifier.features(pixels)) @ head.weight.T + head.bias
    np.testing.assert_allclose(classifier.logits(pixels), by_hand.detach(), atol=1e-4)


def test_a_network_that_does_not_end_in_a_linear_layer_is_refused():
    network = build_model("test_resnet", 2)
    network.network.fc = torch.nn.Identity()
    with pytest.raises(InputError, match="a linear layer at the end, not Identity"):
        linear_head(network)


def test_an_encoder_is_probed_through_its_embeddings(toy_encoder, multiclass, tmp_path):
    result = train(replace(PROBE, encoder="toy"), tmp_path / "run", multiclass)
    assert result.model == "probe of toy"
    assert result.initial_weights == "encoder toy"
    assert result.val["auroc"].estimate > 0.95
    classifier = load_classifier(tmp_path / "run", "cpu")
    pixels = multiclass.split("test").load_pixels(32).pixels
    np.testing.assert_allclose(classifier.features(pixels), stripes(pixels))
    assert classifier.probabilities(pixels).shape == (60, 3)
    with pytest.raises(InputError, match="nothing whole to export"):
        export_classifier(classifier, "pt2", tmp_path)


def test_another_encoder_of_the_same_name_is_refused(toy_encoder, binary, tmp_path):
    train(replace(PROBE, encoder="toy"), tmp_path / "run", binary)
    toy_encoder["weights_sha256"] = "b2"
    with pytest.raises(CheckpointError, match="weights_sha256 was a1, is b2") as caught:
        load_classifier(tmp_path / "run", "cpu")
    assert "--recipe linear-probe --encoder toy" in caught.value.hint


def test_an_encoder_nobody_provides_is_an_error(monkeypatch):
    monkeypatch.setattr("classify.embedders._loaders", [])
    with pytest.raises(InputError, match="another part of medx"):
        load_embedder("compact")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"probe": True, "members": 2}, "probe fits one head"),
        ({"probe": True, "class_weights": (1, 2)}, "balanced_sampling, true or false, alone"),
        ({"encoder": "compact"}, "take --recipe linear-probe"),
        ({"layer_decay": 1.5}, "layer_decay must be > 0 and <= 1"),
        ({"unfreeze": -1}, "unfreeze must be an integer >= 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**settings)


def test_the_command_probes_a_retrieval_encoder_and_uses_it(cli, two_class):
    given = ("--dataset", two_class, "--device", "cpu", "--json")
    probe = ("--recipe", "linear-probe", "--encoder", "compact", "--name", "probe")
    trained = cli("classify", "train", *probe, *given)
    assert trained.exit_code == 0, trained.stderr
    assert trained.json["val"]["auroc"]["estimate"] > 0.7
    about = json.loads(Path(trained.json["run_dir"], "model.json").read_text())
    assert about["encoder"]["name"] == "compact"
    evaluated = cli("classify", "evaluate", "--run", "probe", "--resamples", 10, *given)
    assert evaluated.exit_code == 0, evaluated.stderr
    unknown = cli("classify", "train", "--recipe", "linear-probe", "--encoder", "compat", *given)
    assert "did you mean 'compact'" in unknown.stderr
