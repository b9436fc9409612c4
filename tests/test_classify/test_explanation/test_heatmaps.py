import copy
import sys

import cv2
import numpy as np
import pytest
import timm
import torch

from classify.data import as_tensor, as_unit, normalise
from classify.explanation.config import METHODS
from classify.explanation.feature_maps import last_feature_maps
from classify.explanation.heatmaps import explain_images, heatmaps, peak_of, zone_of
from classify.model import Backbone, Ensemble
from medx.core.errors import InputError, MissingExtraError


@pytest.fixture(scope="session")
def images(squares):
    found = squares.split("val", limit=12).load_pixels(32)
    return found.pixels, np.array([len(record.boxes) for record in found.records])


@pytest.fixture
def swapped(squares_classifier):
    """The classifier with another network for the length of a test."""
    kept = squares_classifier.network

    def swap(network):
        squares_classifier.network = network.eval()
        return squares_classifier

    yield swap
    squares_classifier.network = kept


def grad_cam_by_hand(classifier, pixels, target):
    """Return Grad-CAM (Selvaraju et al. 2017) of a compact CNN, by autograd alone."""
    network, kept = classifier.network, {}
    inputs = normalise(as_unit(as_tensor(pixels)), classifier.mean, classifier.std)
    features = network.stages(network.standardise(inputs))
    features.retain_grad()
    logits = network.head(features.mean(dim=(2, 3)))
    logits[torch.arange(len(pixels)), torch.as_tensor(target)].sum().backward()
    weights = features.grad.mean(dim=(2, 3), keepdim=True)
    kept = torch.relu((weights * features).sum(dim=1)).detach().numpy()
    network.zero_grad()
    small = [(cam - cam.min()) / (cam - cam.min()).max() for cam in kept]
    return np.stack([cv2.resize(cam, (classifier.size, classifier.size)) for cam in small])


def test_grad_cam_is_what_its_paper_says(squares_classifier, images):
    pixels = images[0][images[1] == 1]
    target = np.ones(len(pixels), int)
    expected = grad_cam_by_hand(squares_classifier, pixels, target)
    expected /= expected.max(axis=(1, 2), keepdims=True)
    found = heatmaps(squares_classifier, pixels, target=target)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_maps_and_leaves_the_network_alone(squares_classifier, images, method):
    pixels = images[0][images[1] == 1][:3]
    before = squares_classifier.logits(pixels)
    squares_classifier.network.train()  # batch norm must not learn from being explained
    with torch.no_grad():
        maps = heatmaps(squares_classifier, pixels, method=method, target=1)
    assert squares_classifier.network.training
    squares_classifier.network.eval()
    assert maps.shape == (3, 32, 32)
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    np.testing.assert_allclose(maps.max(axis=(1, 2)), 1.0)
    np.testing.assert_array_equal(squares_classifier.logits(pixels), before)
    assert all(p.grad is None for p in squares_classifier.network.parameters())
    assert not squares_classifier.network.stages[-1]._forward_hooks


def test_batches_do_not_change_maps_and_the_predicted_class_is_the_default(
    squares_classifier, images
):
    pixels, labels = images
    assert (squares_classifier.probabilities(pixels).argmax(axis=1) == labels).all()
    together = heatmaps(squares_classifier, pixels)
    alone = [
        heatmaps(squares_classifier, p[None], target=[t])[0] for p, t in zip(*images, strict=True)
    ]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-4)


def test_the_map_of_an_ensemble_is_the_mean_of_its_members(swapped, squares_classifier, images):
    single = heatmaps(squares_classifier, images[0], target=1)
    member = squares_classifier.network
    twice = heatmaps(swapped(Ensemble([member, member])), images[0], target=1)
    np.testing.assert_allclose(twice, single, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("resnet10t", "layer4"),
        ("mobilenetv3_small_050", "blocks.5"),
        ("test_vit", "blocks.5.norm1"),
        ("test_convnext", "stages.3"),
    ],
)
def test_timm_networks_are_explained_by_their_last_stage(swapped, images, name, layer):
    options = {"img_size": 32} if "vit" in name else {}
    network = Backbone(timm.create_model(name, num_classes=2, in_chans=1, **options))
    assert last_feature_maps(network).name == layer
    maps = heatmaps(swapped(network), images[0][:2], target=0, method="gradcam++")
    assert maps.shape == (2, 32, 32)
    assert np.isfinite(maps).all()


def test_no_evidence_gives_an_empty_map(swapped, squares_classifier, images):
    network = copy.deepcopy(squares_classifier.network)
    torch.nn.init.constant_(network.head[-1].weight, -1.0)
    assert not heatmaps(swapped(network), images[0], target=1).any()


def test_frozen_networks_can_be_explained(swapped, squares_classifier, images):
    expected = heatmaps(squares_classifier, images[0], target=1)
    squares_classifier.network.requires_grad_(False)
    try:
        found = heatmaps(squares_classifier, images[0], target=1)
    finally:
        squares_classifier.network.requires_grad_(True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_cannot_be_explained_says_why(squares_classifier, images, monkeypatch):
    with pytest.raises(InputError, match="keeps no feature maps"):
        last_feature_maps(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="target must be in 0-1"):
        heatmaps(squares_classifier, images[0], target=2)
    with pytest.raises(ValueError, match="pixels must be uint8"):
        heatmaps(squares_classifier, images[0][:, :16], target=1)
    with pytest.raises(ValueError, match="method must be one of gradcam"):
        heatmaps(squares_classifier, images[0], method="gradcan")
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(MissingExtraError) as caught:
        heatmaps(squares_classifier, images[0])
    assert caught.value.hint.startswith("pip install 'medx[explain]'")


@pytest.mark.parametrize(
    ("row", "column", "zone"),
    [(0, 0, "upper left"), (8, 8, "lower right"), (4, 4, "centre"), (4, 0, "middle left")],
)
def test_zones_are_ninths_as_seen(row, column, zone):
    values = np.zeros((9, 9), np.float32)
    assert zone_of(values) is None
    values[row, column] = 1
    assert zone_of(values) == zone
    assert peak_of(values) == ((column + 0.5) / 9, (row + 0.5) / 9)


def test_values_name_what_they_show_and_keep_pixels_out_of_json(squares_classifier, images):
    (found, *_) = explain_images(squares_classifier, ["a", "b"], images[0][:2], target=[0, 1])
    assert (found.id, found.label, found.method) == ("a", "empty", "gradcam")
    assert found.values.shape == (32, 32)
    assert "values" not in found.model_dump()
