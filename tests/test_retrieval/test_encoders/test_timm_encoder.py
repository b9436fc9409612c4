import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from medx.core.errors import InputError, UnknownNameError, WeightsUnavailableError
from retrieval.encoders.load import choose_encoder, load_encoder

IMAGES = [np.random.default_rng(i).integers(0, 255, (70, 90), np.uint8) for i in range(3)]


@pytest.fixture(scope="module", params=["test_vit", "test_resnet"])
def network(request):
    torch.manual_seed(0)
    return request.param, timm.create_model(request.param).eval()


@pytest.fixture
def weights(network, tmp_path):
    name, model = network
    folder = tmp_path / "weights"
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": name}))
    return folder


def test_embeddings_are_what_the_head_reads(network, weights):
    name, model = network
    encoder = load_encoder(f"timm:{name}", weights=weights, device="cpu")
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    batch = torch.stack([transform(Image.fromarray(i).convert("RGB")) for i in IMAGES])
    seen = []
    with torch.inference_mode():
        model.get_classifier().register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        model(batch)
    expected = torch.nn.functional.normalize(seen[0], dim=1).numpy()
    np.testing.assert_allclose(encoder.embed_images(IMAGES), expected, atol=1e-5)
    assert encoder.fingerprint.name == f"timm:{name}"
    assert encoder.fingerprint.dim == expected.shape[1]


def test_the_folder_is_recognised(network, weights):
    assert choose_encoder("auto", weights=weights).name == f"timm:{network[0]}"


def test_cached_weights_are_taken_offline(network, weights, tmp_path):
    name, _ = network
    repository = timm.get_pretrained_cfg(name).hf_hub_id
    cached = tmp_path / "hf" / "hub" / f"models--{repository.replace('/', '--')}"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    (cached / "snapshots").mkdir()
    weights.rename(cached / "snapshots" / "abc")
    encoder = load_encoder(f"timm:{name}", device="cpu")
    assert encoder.embed_images(IMAGES).shape == (3, encoder.dim)


def test_words_are_refused_with_encoders_that_take_them(network, weights):
    encoder = load_encoder(f"timm:{network[0]}", weights=weights, device="cpu")
    assert not encoder.supports_text
    with pytest.raises(InputError, match="reads images only") as caught:
        encoder.embed_texts(["effusion"])
    for name in ("biomedclip", "medsiglip", "open_clip:NAME", "compact"):
        assert name in caught.value.hint
    assert "timm" not in caught.value.hint
    with pytest.raises(InputError, match="cannot show where"):
        encoder.embed_patches(IMAGES[0])


def test_absent_and_foreign_weights_are_errors(weights, network, tmp_path):
    with pytest.raises(WeightsUnavailableError, match="no pretrained weights for resnet18") as e:
        load_encoder("timm:resnet18")
    assert "--weights" in e.value.hint
    other = "test_resnet" if network[0] == "test_vit" else "test_vit"
    with pytest.raises(InputError, match=r"lacks \d+ tensors of the network"):
        load_encoder(f"timm:{other}", weights=weights, device="cpu")
    (weights / "model.safetensors").write_bytes(b"\x10")
    with pytest.raises(WeightsUnavailableError, match=f"holds no weights of {other}"):
        load_encoder(f"timm:{other}", weights=weights, device="cpu")
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        load_encoder("timm:resnet18", weights=tmp_path / "nothing.bin")


def test_names_are_checked():
    with pytest.raises(UnknownNameError, match="unknown timm network 'resnet_18'") as caught:
        load_encoder("timm:resnet_18")
    assert "resnet18" in caught.value.hint
    with pytest.raises(InputError, match="timm is a family of encoders: say which"):
        choose_encoder("timm")
    with pytest.raises(InputError, match="'compact' has no members"):
        choose_encoder("compact:large")
    with pytest.raises(UnknownNameError, match="unknown encoder 'tim'"):
        choose_encoder("tim:resnet18")
