import importlib.util
import json

import numpy as np
import onnxruntime
import pytest
import torch

from classify.exporting.export import export_classifier, generate_pixels
from classify.exporting.formats import FORMATS
from classify.exporting.graph import ExportGraph
from classify.model import CompactCNN, Ensemble, build_model
from classify.predict import Classifier, load_classifier
from medx.core.errors import InputError, MissingExtraError, UnknownNameError


def untrained(like, network, **changes):
    """A classifier of another network, described as ``like`` is."""
    description = like.description.model_copy(update=changes)
    return Classifier("untrained", network.eval(), description)


@pytest.fixture(scope="module")
def classifier(binary_run):
    return load_classifier(binary_run, "cpu")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_answers_as_the_model_for_any_batch(name, classifier, folder):
    result = export_classifier(classifier, name, folder)
    assert result.parity.largest_difference <= 1e-4
    assert [speed.batch for speed in result.speed] == [1, 64]
    pixels = np.random.default_rng(1).integers(0, 256, (5, 16, 16), dtype=np.uint8)
    run = FORMATS[name].load(folder, threads=1)
    np.testing.assert_allclose(run(pixels), classifier.probabilities(pixels), atol=1e-4)


def test_the_sidecar_says_what_a_stranger_needs(classifier, binary_run, folder):
    examples = generate_pixels(classifier.description)[:3]
    export_classifier(classifier, "pt2", folder, examples=examples)
    about = json.loads((folder / "export.json").read_text())
    assert about["input"]["shape"] == ["batch", 16, 16]
    assert about["model"] == json.loads((binary_run / "model.json").read_text())
    assert about["conformal"]["level"] == classifier.level
    assert about["parity"]["images"]["val"] == 3
    assert "not for clinical use" in about["disclaimer"]
    assert sorted(path.name for path in folder.iterdir()) == ["export.json", "model.pt2"]


def test_an_ensemble_in_colour_over_shifted_views(classifier, folder):
    torch.manual_seed(0)
    members = [CompactCNN(2, 3, width=4) for _ in range(2)]
    ensemble = untrained(
        classifier, Ensemble(members), colour=True, tta="shifts", mean=[0.4] * 3, std=[0.2] * 3
    )
    about = export_classifier(ensemble, "onnx", folder)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    assert [t.name for t in session.get_inputs()] == [about.input.name]
    assert [t.name for t in session.get_outputs()] == [about.output.name]
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    (probs,) = session.run(None, {"pixels": pixels})
    np.testing.assert_allclose(probs, ensemble.probabilities(pixels), atol=1e-5)


def test_a_timm_network_with_vector_scaling_and_mirror_views(classifier, folder):
    torch.manual_seed(0)
    network = build_model("resnet18", 2, 1, size=32)
    exported = untrained(
        classifier, network, size=32, tta="mirror", scale=[0.5, 2.0], bias=[0.3, -0.1]
    )
    result = export_classifier(exported, "pt2", folder)
    assert result.parity.largest_difference <= 1e-5


def test_the_graph_alone_is_the_classifier(classifier):
    pixels = generate_pixels(classifier.description)
    with torch.no_grad():
        probs = ExportGraph(classifier)(torch.from_numpy(pixels))
    np.testing.assert_allclose(probs, classifier.probabilities(pixels), atol=1e-6)


def test_an_export_that_disagrees_is_not_written(classifier, folder):
    network = build_model("compact-cnn", 2, 1, size=16)
    torch.nn.init.constant_(network.head[1].weight, float("nan"))
    with pytest.raises(InputError, match="differs from the model"):
        export_classifier(untrained(classifier, network), "pt2", folder)
    assert list(folder.iterdir()) == []


def test_a_network_that_cannot_be_traced_is_named(classifier, folder):
    class Stubborn(torch.nn.Module):
        def forward(self, inputs):
            return inputs.flatten(1)[:, :2] if inputs.sum() > 0 else inputs.flatten(1)[:, 2:4]

    with pytest.raises(InputError, match="compact-cnn cannot be exported to pt2"):
        export_classifier(untrained(classifier, Stubborn()), "pt2", folder)


def test_a_missing_package_names_the_extra(classifier, folder, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        export_classifier(classifier, "onnx", folder)
    assert caught.value.hint.startswith("pip install 'medx[export]'")


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [("torchscript", InputError, "deprecated"), ("tflite", UnknownNameError, "unknown")],
)
def test_other_formats_are_refused_with_a_way_on(name, error, said, classifier, folder):
    with pytest.raises(error, match=said) as caught:
        export_classifier(classifier, name, folder)
    assert "onnx" in caught.value.hint
