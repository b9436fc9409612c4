import pytest
from torch import nn

from classify.model import build_model
from classify.training.freezing import SCALE, block_depths, freeze, parameter_groups, train_unfrozen

NETWORKS = ["compact-cnn", "test_resnet", "test_vit", "test_efficientnet", "test_convnext"]


def learning(network):
    return {name for name, p in network.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_is_the_last_block_and_nothing_else_is_in_it(name):
    network = build_model(name, 7, size=32)
    depths = block_depths(network)
    assert depths.keys() == dict(network.named_parameters()).keys()
    assert set(depths.values()) == set(range(max(depths.values()) + 1))
    head = [p for n, p in network.named_parameters() if depths[n] == max(depths.values())]
    assert [p.shape[0] for p in head] == [7, 7]


@pytest.mark.parametrize("name", NETWORKS)
def test_blocks_thaw_from_the_head_down(name):
    network = build_model(name, 2, size=32)
    sizes = []
    for unfreeze in (0, 1, 2, None):
        freeze(network, unfreeze=unfreeze)
        sizes.append(len(learning(network)))
    assert sizes[0] == 2
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == len(list(network.parameters()))


def test_the_blocks_of_a_residual_network_are_its_residual_blocks():
    depths = block_depths(build_model("resnet18", 2))
    assert max(depths.values()) == 9
    assert depths["network.layer4.1.conv1.weight"] == 8
    assert depths["network.conv1.weight"] == 0


def test_frozen_batch_norm_and_dropout_stay_as_they_predict():
    network = build_model("test_efficientnet", 2)
    freeze(network, unfreeze=1)
    train_unfrozen(network)
    assert network.training
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.training == module.weight.requires_grad


def test_rates_fall_from_the_head_to_the_stem():
    network = build_model("test_vit", 2, size=32)
    groups = parameter_groups(network, weight_decay=0.1, layer_decay=0.5)
    depths = block_depths(network)
    head = max(depths.values())
    scale = {id(p): group[SCALE] for group in groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert scale[id(parameter)] == 0.5 ** (head - depths[name])
    assert all((g["weight_decay"] > 0) == (p.ndim > 1) for g in groups for p in g["params"])
