import pytest
import torch
from safetensors.torch import save_file

from classify.model import build_model
from classify.pretrained import backbone_statistics, find_weights
from medx.core.errors import InputError, WeightsUnavailableError

CACHED = "models--timm--test_resnet.r160_in1k"


@pytest.fixture
def hub_cache(tmp_path):
    """The hub's cache with random weights of ``test_resnet`` in it."""
    folder = tmp_path / "hf" / "hub" / CACHED
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    torch.manual_seed(1)
    state = build_model("test_resnet", 1000, 3).network.state_dict()
    save_file(state, folder / "snapshots" / "abc" / "model.safetensors")
    return state


def test_cached_weights_are_used_without_the_network(hub_cache):
    assert CACHED in str(find_weights("test_resnet"))
    network = build_model("test_resnet", 2, 3, pretrained=True).network
    name = "layer1.0.conv1.weight"
    torch.testing.assert_close(network.state_dict()[name], hub_cache[name])


def test_grey_images_see_the_sum_of_the_colour_filters(hub_cache):
    grey = build_model("test_resnet", 2, 1, pretrained=True).network
    first = next(name for name, tensor in hub_cache.items() if tensor.ndim == 4)
    expected = hub_cache[first].sum(dim=1, keepdim=True)
    torch.testing.assert_close(grey.state_dict()[first], expected)


def test_an_empty_cache_offline_is_an_error_with_a_way_out():
    with pytest.raises(WeightsUnavailableError, match="not in the cache") as caught:
        find_weights("test_resnet")
    assert "--no-pretrained" in caught.value.hint


def test_a_backbone_brings_its_normalisation():
    assert backbone_statistics("resnet18", 3) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    (mean,), (std,) = backbone_statistics("resnet18", 1)
    assert mean == pytest.approx(0.449)
    assert std == pytest.approx(0.226)


def test_a_network_without_published_weights_has_none():
    with pytest.raises(InputError, match="no normalisation of its own"):
        backbone_statistics("compact-cnn", 1)
