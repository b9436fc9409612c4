import json
import os
import shutil
import socket

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from test_retrieval.tiny_biomedclip import TEXTS, write_tiny_biomedclip
from transformers import BertConfig

from medx.core.errors import WeightsUnavailableError
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.encoders.biomedclip import BiomedCLIPEncoder
from retrieval.encoders.biomedclip_files import BIOMEDCLIP, find_biomedclip
from retrieval.encoders.load import choose_encoder, load_encoder
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.queries import id_search, text_search


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return write_tiny_biomedclip(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="session")
def encoder(tiny):
    return BiomedCLIPEncoder(tiny, device="cpu")


@pytest.fixture
def hub_cache(tiny, tmp_path, monkeypatch):
    """The tiny checkpoint laid out as the hub's cache, with links to blobs."""
    root = tmp_path / "hub" / f"models--{BIOMEDCLIP.repository.replace('/', '--')}"
    snapshot = root / "snapshots" / "abc123"
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc123")
    (root / "blobs").mkdir()
    for path in tiny.iterdir():
        shutil.copy(path, root / "blobs" / f"blob-{path.name}")
        (snapshot / path.name).symlink_to(root / "blobs" / f"blob-{path.name}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot


@pytest.fixture
def no_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-hub"))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    shapes = [(28, 28), (64, 64), (90, 70), (70, 90, 3)]
    return [rng.integers(0, 255, shape, np.uint8) for shape in shapes]


def straight_open_clip(tiny):
    """The model as open_clip's own documentation loads it, in evaluation mode."""
    config = json.loads((tiny / "open_clip_config.json").read_text())["model_cfg"]
    text_cfg = {**config["text_cfg"], "hf_model_name": str(tiny), "hf_model_pretrained": False}
    model, preprocess = open_clip.create_model_from_pretrained(
        f"local-dir:{tiny}", text_cfg=text_cfg
    )
    return model.eval(), preprocess, open_clip.get_tokenizer(f"local-dir:{tiny}")


def test_images_are_open_clips(encoder, tiny, images):
    model, preprocess, _ = straight_open_clip(tiny)
    batch = torch.stack([preprocess(Image.fromarray(image).convert("RGB")) for image in images])
    with torch.no_grad():
        expected = model.encode_image(batch, normalize=True).numpy()
    np.testing.assert_allclose(encoder.embed_images(images), expected, atol=1e-5)


def test_texts_are_open_clips_though_trimmed(encoder, tiny):
    model, _, tokenizer = straight_open_clip(tiny)
    tokens = tokenizer(TEXTS)
    assert tokens.shape == (3, 256)
    assert encoder._trim(tokens).shape[1] < 64
    with torch.no_grad():
        expected = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(encoder.embed_texts(TEXTS), expected, atol=1e-6)


def test_same_text_same_embedding(encoder):
    assert not encoder._model.training
    first, second = encoder.embed_texts(TEXTS), encoder.embed_texts(TEXTS)
    np.testing.assert_array_equal(first, second)


def test_long_texts_are_cut_at_the_context(encoder):
    words = " ".join(["consolidation"] * 600)
    assert np.isfinite(encoder.embed_texts([words, "normal"])).all()


def test_fingerprint_follows_the_weights(encoder, tiny, tmp_path):
    other = shutil.copytree(tiny, tmp_path / "other")
    again = BiomedCLIPEncoder(other, device="cpu")
    assert again.fingerprint == encoder.fingerprint
    assert "shortest side to (64, 64) bicubic" in encoder.fingerprint.preprocessing
    weights = other / "open_clip_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert BiomedCLIPEncoder(other, device="cpu").fingerprint != encoder.fingerprint


def test_text_tower_shape_comes_from_the_weights(encoder, tiny, tmp_path):
    other = shutil.copytree(tiny, tmp_path / "hub-snapshot")
    (other / "config.json").unlink()
    again = BiomedCLIPEncoder(other, device="cpu")
    np.testing.assert_array_equal(again.embed_texts(TEXTS), encoder.embed_texts(TEXTS))
    assert not (other / "config.json").exists()


def test_hub_cache_is_found_and_read_without_network(hub_cache, encoder, monkeypatch, capsys):
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("network touched"))
    assert find_biomedclip() == hub_cache
    found = load_encoder("auto", device="cpu")
    assert found.name == "biomedclip"
    assert found.reason == "auto: BiomedCLIP's weights are on this machine"
    assert "encoder biomedclip" in capsys.readouterr().err
    np.testing.assert_array_equal(found.embed_texts(TEXTS), encoder.embed_texts(TEXTS))


@pytest.fixture
def only_the_flag(monkeypatch):
    """Nothing but ``--offline`` keeps off the network, and whoever touches it fails."""
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    touched = []

    def refuse(*args, **_):
        touched.append(args)
        raise OSError("the network is off limits")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return touched


@pytest.mark.parametrize("source", ["hub cache", "folder", "bare folder"])
def test_offline_commands_open_no_socket(
    source, hub_cache, tiny, tmp_path, two_class, cli, only_the_flag
):
    options = ["--encoder", "biomedclip", "--device", "cpu", "--offline"]
    if source != "hub cache":
        folder = shutil.copytree(tiny, tmp_path / "copied")
        shutil.rmtree(hub_cache)
        if source == "bare folder":  # the text tower's config is in neither repository
            (folder / "config.json").unlink()
        options += ["--weights", str(folder)]
    built = cli("retrieve", "build", "--dataset", two_class, "--split", "test", "--limit", 4,
                "--name", "x", *options)  # fmt: skip
    assert built.exit_code == 0, built.stderr
    found = cli("retrieve", "text-search", "pleural effusion", "--index", "x", "--top-k", 3,
                "--json", *options)  # fmt: skip
    assert found.exit_code == 0, found.stderr
    assert len(found.json["hits"]) == 3
    assert not only_the_flag


@pytest.mark.parametrize(
    "gone", ["open_clip_model.safetensors", "open_clip_config.json", "tokenizer.json"]
)
def test_incomplete_cache_is_not_at_hand(hub_cache, gone):
    (hub_cache / gone).unlink()
    assert find_biomedclip() is None
    assert choose_encoder("auto").name == "compact"


def test_auto_without_weights_takes_compact(no_hub):
    choice = choose_encoder("auto")
    assert choice == ("compact", "auto: BiomedCLIP's weights are not on this machine")


def test_absent_weights_say_what_to_fetch(no_hub):
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(WeightsUnavailableError, match=r"offline mode .*forbids fetching") as raised:
        load_encoder("biomedclip")
    assert f"hf download {BIOMEDCLIP.repository}" in raised.value.hint
    assert "--weights DIR" in raised.value.hint


def test_incomplete_folder_names_what_is_missing(tmp_path):
    with pytest.raises(WeightsUnavailableError, match="is not a folder"):
        BiomedCLIPEncoder(tmp_path / "nowhere")
    with pytest.raises(WeightsUnavailableError, match=r"lacks open_clip_config.json, weights \("):
        BiomedCLIPEncoder(tmp_path)


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_config.json"])
def test_damaged_files_are_named(tiny, tmp_path, name):
    folder = shutil.copytree(tiny, tmp_path / "damaged")
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(WeightsUnavailableError, match="holds no readable BiomedCLIP"):
        BiomedCLIPEncoder(folder, device="cpu")


def test_index_and_search(encoder, two_class, tmp_path):
    dataset = load_dataset(str(two_class))
    build_index(dataset.split("test", limit=12), encoder, tmp_path / "x")
    index = GalleryIndex.load(tmp_path / "x")
    assert len(text_search(index, encoder, "pleural effusion", top_k=5).hits) == 5
    assert len(id_search(index, "test-normal-000", top_k=11).hits) == 11


def as_pickle(tiny, folder, extra=None):
    """Copy the checkpoint as the hub has it: one torch pickle instead of safetensors."""
    shutil.copytree(tiny, folder)
    tensors = load_file(folder / "open_clip_model.safetensors")
    (folder / "open_clip_model.safetensors").unlink()
    torch.save({**tensors, **(extra or {})}, folder / "open_clip_pytorch_model.bin")
    return folder


def test_the_hubs_own_file_gives_the_same_embeddings(encoder, tiny, images, tmp_path):
    pickled = BiomedCLIPEncoder(as_pickle(tiny, tmp_path / "hub"), device="cpu")
    assert np.array_equal(pickled.embed_images(images), encoder.embed_images(images))


def test_a_pickle_that_would_run_code_is_refused(tiny, tmp_path):
    class Harm:
        def __reduce__(self):
            return open, (str(tmp_path / "harm"), "w")

    folder = as_pickle(tiny, tmp_path / "bad", {"harm": Harm()})
    with pytest.raises(WeightsUnavailableError, match="no readable BiomedCLIP"):
        BiomedCLIPEncoder(folder, device="cpu")
    assert not (tmp_path / "harm").exists()


@pytest.fixture
def true_size(tmp_path):
    """The hub's config and tensors of 196 M random parameters, 784 MB; the vocabulary is ours."""
    folder = write_tiny_biomedclip(tmp_path / "true")
    about = json.loads((folder / "open_clip_config.json").read_text())
    config = about["model_cfg"]
    config["embed_dim"] = 512
    config["vision_cfg"].update(timm_model_name="vit_base_patch16_224", image_size=224)
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    BertConfig().save_pretrained(folder)  # its own defaults are the hub's text tower
    text = {**config["text_cfg"], "hf_model_name": str(folder), "hf_model_pretrained": False}
    model = open_clip.model.CustomTextCLIP(**{**config, "text_cfg": text}).eval()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "config.json").unlink()
    yield folder, model
    shutil.rmtree(folder)  # pytest would keep it for three sessions


@pytest.mark.slow
def test_the_true_size_is_read_whole(true_size):
    folder, model = true_size
    size = (folder / "open_clip_model.safetensors").stat().st_size
    assert size == pytest.approx(784e6, rel=0.01)
    encoder = load_encoder("biomedclip", weights=folder, device="cpu")
    image = np.random.default_rng(0).integers(0, 255, (224, 224), np.uint8)
    assert encoder.embed_patches(image).shape == (14, 14, 512)
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS[:1])
        expected = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(encoder.embed_texts(TEXTS[:1]), expected, atol=1e-5)
