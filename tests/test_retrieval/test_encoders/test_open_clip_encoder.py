import json
import shutil
import socket

import numpy as np
import open_clip
import pytest
import torch
from open_clip import pretrained
from PIL import Image
from safetensors.torch import save_file
from test_retrieval.tiny_biomedclip import write_tiny_biomedclip

from medx.core.errors import InputError, UnknownNameError, WeightsUnavailableError
from retrieval.encoders.load import choose_encoder, load_encoder
from retrieval.encoders.open_clip_patches import patch_embeddings

NAME, TAG = "tiny-clip-for-tests", "made_here"
CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS = {
    "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7), "interpolation": "bilinear",
    "resize_mode": "squash",
}  # fmt: skip
TEXTS = ["pleural effusion", "normal"]


@pytest.fixture(scope="module", autouse=True)
def _known_to_open_clip(tmp_path_factory):
    """A tiny CLIP of open_clip's own architecture, by name and with published weights."""
    file = tmp_path_factory.mktemp("configs") / f"{NAME}.json"
    file.write_text(json.dumps(CONFIG))
    open_clip.add_model_config(file)
    pretrained._PRETRAINED[NAME] = {TAG: {"url": "", "hf_hub": "nobody/tiny/", **PREPROCESS}}
    yield
    del pretrained._PRETRAINED[NAME]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return open_clip.create_model(NAME).eval()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "tiny-clip"
    folder.mkdir()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    about = {"model_cfg": CONFIG, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    return folder


@pytest.fixture
def in_hub_cache(folder, tmp_path):
    repository = tmp_path / "hf" / "hub" / "models--nobody--tiny"
    shutil.copytree(folder, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, shape, np.uint8) for shape in [(40, 60), (32, 32, 3)]]


@pytest.fixture
def no_network(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("network touched"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("network touched"))


def expected_images(model, images):
    squash = [Image.fromarray(i).convert("RGB").resize((32, 32), Image.BILINEAR) for i in images]
    batch = torch.from_numpy(np.stack([np.asarray(i, np.float32) / 255 for i in squash]))
    batch = (batch - torch.tensor(PREPROCESS["mean"])) / torch.tensor(PREPROCESS["std"])
    with torch.inference_mode():
        return model.encode_image(batch.permute(0, 3, 1, 2), normalize=True).numpy()


def expected_texts(model):
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(NAME)(TEXTS)
        return model.encode_text(tokens, normalize=True).numpy()


def test_a_folder_is_read(model, folder, images, no_network):
    encoder = load_encoder("open_clip", weights=folder, device="cpu")
    np.testing.assert_allclose(
        encoder.embed_images(images), expected_images(model, images), atol=1e-5
    )
    np.testing.assert_allclose(encoder.embed_texts(TEXTS), expected_texts(model), atol=1e-5)
    assert (encoder.name, encoder.dim) == ("open_clip", 24)
    assert encoder.weights_folder == folder


def test_published_weights_bring_their_preprocessing(model, images, in_hub_cache, no_network):
    encoder = load_encoder(f"open_clip:{NAME}/{TAG}", device="cpu")
    np.testing.assert_allclose(
        encoder.embed_images(images), expected_images(model, images), atol=1e-5
    )
    assert encoder.fingerprint.name == f"open_clip:{NAME}/{TAG}"
    assert "squash side to (32, 32) bilinear" in encoder.fingerprint.preprocessing


def test_a_weight_file_serves_a_named_model(model, folder):
    file = folder / "open_clip_model.safetensors"
    encoder = load_encoder(f"open_clip:{NAME}", weights=file, device="cpu")
    np.testing.assert_allclose(encoder.embed_texts(TEXTS), expected_texts(model), atol=1e-5)


@pytest.mark.parametrize(
    ("offline", "message"), [("1", "offline mode .*forbids"), ("0", "from http://127.0.0.1:9: ")]
)
def test_absent_weights_say_what_to_pull(monkeypatch, offline, message):
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, offline)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(open_clip, "download_pretrained", lambda _: pytest.fail("knocks for long"))
    with pytest.raises(WeightsUnavailableError, match=message) as caught:
        load_encoder(f"open_clip:{NAME}/{TAG}", device="cpu")
    assert f"medx models pull open_clip:{NAME}/{TAG}" in caught.value.hint


def test_offline_no_file_is_fetched_from_elsewhere(monkeypatch, no_network):
    monkeypatch.setitem(pretrained._PRETRAINED[NAME], "web", {"url": "https://x.test/w.pt"})
    with pytest.raises(WeightsUnavailableError, match="offline mode forbids"):
        load_encoder(f"open_clip:{NAME}/web", device="cpu")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("open_clip", InputError, "say which"),
        (f"open_clip:{NAME}", InputError, f"alone has no weights: say which, one of {TAG}"),
        (f"open_clip:{NAME}/other", UnknownNameError, "unknown pretrained weights"),
        ("open_clip:ViT-B-33", UnknownNameError, "unknown open_clip model"),
    ],
)
def test_names_are_checked(name, error, message):
    with pytest.raises(error, match=message):
        load_encoder(name, device="cpu")


def test_places_go_the_way_of_the_class_token(folder, model, images):
    encoder = load_encoder("auto", weights=folder, device="cpu")
    places = encoder.embed_patches(images[0])
    assert places.shape == (4, 4, 24)
    np.testing.assert_allclose(np.linalg.norm(places, axis=2), 1.0, rtol=1e-5)
    inputs = encoder._inputs(images[:1])
    with torch.inference_mode():
        seen = model.visual.forward_intermediates(inputs, normalize_intermediates=True)
        last = seen["image_intermediates"][-1][0].permute(1, 2, 0) @ model.visual.proj
    expected = torch.nn.functional.normalize(last, dim=-1).numpy()
    np.testing.assert_allclose(places, expected, atol=1e-5)
    assert encoder.patch_area(40, 60) == (0.0, 0.0, 1.0, 1.0)


def test_places_of_a_timm_tower(tmp_path, images):
    folder = write_tiny_biomedclip(tmp_path / "tiny")
    encoder = load_encoder("auto", weights=folder, device="cpu")
    assert encoder.name == "biomedclip"
    places = encoder.embed_patches(images[0])
    assert places.shape == (4, 4, 32)
    tower = encoder._model.visual
    with torch.inference_mode():
        last = tower.forward_intermediates(
            encoder._inputs(images[:1]), indices=1, normalize_intermediates=True
        )["image_intermediates"][-1][0]
        expected = torch.nn.functional.normalize(tower.head(last.permute(1, 2, 0)), dim=-1)
    np.testing.assert_allclose(places, expected.numpy(), atol=1e-5)
    # The centre square of 40 × 60 is what the shortest side leaves.
    np.testing.assert_allclose(encoder.patch_area(40, 60), (0, 1 / 6, 1, 5 / 6))


def test_towers_without_such_tokens_have_none():
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16}
    resnet = open_clip.model.CLIP(**{**CONFIG, "vision_cfg": vision}).eval()
    assert patch_embeddings(resnet.visual, torch.zeros(1, 3, 32, 32)) is None


def test_the_folder_is_recognised(folder):
    assert choose_encoder("auto", weights=folder).name == "open_clip"


def test_the_same_weights_in_another_model_are_another_encoder(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "tiny-clip")
    about = json.loads((other / "open_clip_config.json").read_text())
    about["model_cfg"]["quick_gelu"] = True
    (other / "open_clip_config.json").write_text(json.dumps(about))
    one, two = (load_encoder("open_clip", weights=f, device="cpu") for f in (folder, other))
    image = [np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)]
    assert np.abs(one.embed_images(image) - two.embed_images(image)).max() > 1e-4
    assert one.fingerprint != two.fingerprint
