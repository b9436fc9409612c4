import pytest
import torch
from safetensors.torch import save_file

from classify.model import CompactCNN, Ensemble, build_model, default_size
from medx.core.errors import InputError, UnknownNameError, WeightsUnavailableError

SMALL_TIMM = "mobilenetv3_small_050"


def test_the_default_is_compact():
    count = sum(p.numel() for p in CompactCNN(2).parameters())
    assert 500_000 < count < 800_000


@pytest.mark.parametrize("name", ["compact-cnn", SMALL_TIMM, "resnet18"])
@pytest.mark.parametrize("channels", [1, 3])
def test_logits_are_the_head_on_the_pooled_features(name, channels):
    network = build_model(name, 3, channels).eval()
    inputs = torch.randn(2, channels, 32, 32)
    features = network.features(inputs)
    assert features.shape == (2, network.num_features)
    assert network(inputs).shape == (2, 3)


@pytest.mark.parametrize("size", [17, 28, 64])
def test_the_compact_network_takes_any_small_size(size):
    assert CompactCNN(4)(torch.randn(2, 1, size, size)).shape == (2, 4)


def test_exposure_and_contrast_do_not_change_the_answer():
    network, images = CompactCNN(2).eval(), torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(network(images), network(0.5 * images + 2.0), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize(("size", "side"), [(28, 28), (47, 47), (48, 24), (64, 32)])
def test_larger_images_are_halved_first(size, side):
    stem = build_model("compact-cnn", 2, size=size).stages[0]
    assert stem(torch.zeros(1, 1, size, size)).shape[-2:] == (side, side)


def test_a_vision_transformer_is_built_for_its_input_size():
    network = build_model("test_vit", 2, 1, size=64).eval()
    assert network(torch.randn(1, 1, 64, 64)).shape == (1, 2)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(UnknownNameError) as caught:
        build_model("resnet-81", 2)
    assert "resnet18" in caught.value.hint
    with pytest.raises(UnknownNameError) as caught:
        build_model("efficientnet-b0", 2)
    assert "did you mean 'efficientnet_b0'" in caught.value.hint


def test_weights_that_cannot_be_had_are_an_error_with_a_way_out():
    with pytest.raises(WeightsUnavailableError, match="no pretrained weights for resnet18") as e:
        build_model("resnet18", 2, pretrained=True)
    assert "--no-pretrained" in e.value.hint
    assert "--weights" in e.value.hint


def test_a_local_file_gives_every_layer_but_the_head(tmp_path):
    source = build_model(SMALL_TIMM, 1000, 3).network
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    network = build_model(SMALL_TIMM, 2, 3, weights=tmp_path / "weights.safetensors").network
    torch.testing.assert_close(network.conv_stem.weight, source.conv_stem.weight)
    assert network.classifier.out_features == 2


def test_weight_files_of_another_kind_or_network_are_refused(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"pickle")
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        build_model(SMALL_TIMM, 2, weights=tmp_path / "weights.pth")
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"lacks \d+ tensors of the network"):
        build_model(SMALL_TIMM, 2, 3, weights=tmp_path / "other.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(InputError, match=f"cannot build {SMALL_TIMM}"):
        build_model(SMALL_TIMM, 2, 3, weights=tmp_path / "cut.safetensors")


def test_the_compact_network_has_no_weights_to_start_from(tmp_path):
    with pytest.raises(InputError, match="starts from scratch"):
        build_model("compact-cnn", 2, weights=tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("name", "native", "expected"),
    [
        ("compact-cnn", 28, 28),
        ("compact-cnn", 1024, 64),
        ("compact-cnn", 9, 16),
        ("resnet18", 28, 224),
    ],
)
def test_small_images_stay_as_they_are_and_timm_gets_its_own_size(name, native, expected):
    assert default_size(name, native) == expected


def test_an_ensemble_answers_with_the_mean_of_its_members_probabilities():
    members = [CompactCNN(3).eval() for _ in range(3)]
    ensemble, images = Ensemble(members), torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        expected = torch.stack([torch.softmax(m(images), dim=1) for m in members]).mean(0)
        torch.testing.assert_close(ensemble(images).exp(), expected)
        features = ensemble.features(images)
    assert features.shape == (4, ensemble.num_features)
    torch.testing.assert_close(features[:, :128], members[0].features(images))


def test_a_network_that_standardises_each_image_overlooks_exposure_and_contrast():
    images = torch.rand(2, 1, 32, 32)
    for normalise, same in (("image", True), ("dataset", False)):
        torch.manual_seed(0)
        network = build_model("test_vit", 2, size=32, normalise=normalise).eval()
        with torch.no_grad():
            plain, changed = network(images), network(images * 2.5 - 0.3)
        assert same == torch.allclose(plain, changed, atol=1e-3)
