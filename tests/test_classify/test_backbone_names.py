import contextlib

import pytest
import timm
import torch
import torchvision

from classify.backbone_names import TORCHVISION_NAMES, timm_name
from classify.config import TrainConfig

#: timm's RegNet cannot be built without memory; the small ones are quick with it.
LARGE_REGNETS = {name for name in TORCHVISION_NAMES if name.endswith("gf")}


@pytest.mark.parametrize("name", sorted(set(TORCHVISION_NAMES) - LARGE_REGNETS))
def test_both_libraries_build_as_many_parameters(name):
    published = next(iter(torchvision.models.get_model_weights(name))).meta["num_params"]
    with contextlib.nullcontext() if name.startswith("regnet") else torch.device("meta"):
        network = timm.create_model(timm_name(name), num_classes=1000)
    assert sum(p.numel() for p in network.parameters()) == published


def test_every_name_is_one_that_only_torchvision_uses():
    known = set(torchvision.models.list_models(module=torchvision.models))
    assert set(TORCHVISION_NAMES) <= known
    assert not any(timm.is_model(name) for name in TORCHVISION_NAMES)
    assert all(timm.is_model(name) for name in TORCHVISION_NAMES.values())


def test_settings_hold_the_name_that_timm_uses():
    assert TrainConfig(model="swin_t").model == "swin_tiny_patch4_window7_224"
    assert TrainConfig(model="resnet18").model == "resnet18"
