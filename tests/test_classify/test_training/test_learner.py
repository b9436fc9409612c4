import pytest
import torch
from torch import nn

from classify.config import TrainConfig
from classify.training.learner import (
    build_criterion,
    build_learner,
    initial_weights,
    load_training_data,
)
from medx.core.errors import InputError, UnknownNameError
from medx.datasets.manifest_files import load_manifest


@pytest.fixture
def data(two_class):
    return load_training_data(TrainConfig(), load_manifest(two_class))


def test_scales_and_shifts_are_not_decayed(data):
    groups = build_learner(TrainConfig(device="cpu"), data).optimizer.param_groups
    assert [group["weight_decay"] for group in groups] == [TrainConfig.weight_decay, 0.0]
    assert all(p.ndim > 1 for p in groups[0]["params"])
    assert all(p.ndim <= 1 for p in groups[1]["params"])


def test_cross_entropy_is_focal_loss_that_focuses_on_nothing(data):
    logits, target = torch.randn(5, 2), torch.tensor([0, 1, 1, 0, 1])
    config = TrainConfig(loss="cross-entropy", class_weights=None, label_smoothing=0.0)
    expected = nn.functional.cross_entropy(logits, target)
    torch.testing.assert_close(build_criterion(config, data)(logits, target), expected)


def test_balanced_weights_come_from_train(data):
    config = TrainConfig(class_weights="inverse-frequency", balanced_sampling=False)
    alpha = build_criterion(config, data).alpha
    torch.testing.assert_close(alpha, torch.tensor([60 / (2 * 20), 60 / (2 * 40)]))


def test_class_weights_must_be_one_a_class(data):
    with pytest.raises(InputError, match="3 weights for 2 classes"):
        build_criterion(TrainConfig(class_weights=(1.0, 1.0, 1.0)), data)


def test_half_precision_needs_a_gpu(data):
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        build_learner(TrainConfig(precision="fp16", device="cpu"), data)


def test_one_process_may_train_at_two_precisions(data):
    for precision, name in (("bf16", "bf16"), ("fp32", "no")):
        learner = build_learner(TrainConfig(precision=precision, device="cpu"), data)
        assert learner.accelerator.mixed_precision == name


def test_an_unknown_model_is_told_before_any_image_is_read(two_class):
    with pytest.raises(UnknownNameError, match="unknown model 'compact'"):
        load_training_data(TrainConfig(model="compact"), load_manifest(two_class))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "scratch"),
        ({"model": "resnet18"}, "pretrained resnet18 of timm"),
        ({"model": "resnet18", "pretrained": False}, "scratch"),
        ({"model": "resnet18", "weights": "some/where/w.safetensors"}, "file w.safetensors"),
    ],
)
def test_the_start_is_said_without_a_path(settings, said):
    assert initial_weights(TrainConfig(**settings)) == said
