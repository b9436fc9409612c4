import json
import shutil
import socket

import numpy as np
import pytest
import torch
from PIL import Image
from test_retrieval.tiny_siglip import LENGTH, TEXTS, write_tiny_siglip
from transformers import SiglipModel

from medx.core.errors import WeightsUnavailableError
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.encoders.load import choose_encoder, load_encoder
from retrieval.encoders.medsiglip import MEDSIGLIP, MedSigLIPEncoder
from retrieval.encoders.siglip_text import canonical, open_tokenizer, pad_tokens
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.queries import text_search


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_siglip(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def encoder(tiny):
    return MedSigLIPEncoder(tiny, device="cpu")


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, shape, np.uint8) for shape in [(28, 28), (90, 70), (70, 90, 3)]]


def unit(output):
    return torch.nn.functional.normalize(getattr(output, "pooler_output", output), dim=1).numpy()


def test_images_are_transformers(encoder, tiny, images):
    transformers = pytest.importorskip("transformers.models.siglip.image_processing_pil_siglip")
    processor = transformers.SiglipImageProcessorPil.from_pretrained(tiny)
    pictures = [Image.fromarray(image).convert("RGB") for image in images]
    model = SiglipModel.from_pretrained(tiny)
    with torch.inference_mode():
        expected = unit(model.get_image_features(**processor(pictures, return_tensors="pt")))
    np.testing.assert_allclose(encoder.embed_images(images), expected, atol=1e-5)


def test_texts_are_lower_case_without_punctuation_and_padded(encoder, tiny):
    ids = np.full((1, LENGTH), 1)
    word = open_tokenizer(tiny)(["effusion"])[0]
    ids[0, : len(word)] = word
    assert word[-1] == 1
    with torch.inference_mode():
        features = SiglipModel.from_pretrained(tiny).get_text_features(torch.from_numpy(ids))
    np.testing.assert_allclose(encoder.embed_texts(["Effusion!"]), unit(features), atol=1e-5)


def test_canonical_text_and_padding():
    assert canonical(" Left-sided  EFFUSION, small. ") == "leftsided effusion small"
    np.testing.assert_array_equal(
        pad_tokens([[5, 6, 1], [2, 3, 4, 5, 6, 7, 1], [], [9]], length=5, pad_id=0, end_id=1),
        [[5, 6, 1, 0, 0], [2, 3, 4, 5, 1], [1, 0, 0, 0, 0], [9, 1, 0, 0, 0]],
    )


def test_long_and_empty_texts_have_embeddings(encoder):
    embeddings = encoder.embed_texts(["effusion " * 200, "", *TEXTS])
    assert embeddings.shape == (5, 48)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)


def test_an_index_is_searched_without_the_network(tiny, two_class, tmp_path, monkeypatch):
    repository = tmp_path / "hf" / "hub" / f"models--{MEDSIGLIP.repository.replace('/', '--')}"
    shutil.copytree(tiny, repository / "snapshots" / MEDSIGLIP.revision)
    for name in ("MEDX_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("network touched"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("network touched"))
    encoder = load_encoder("medsiglip", device="cpu")
    build_index(load_dataset(str(two_class)).split("test", limit=6), encoder, tmp_path / "x")
    index = GalleryIndex.load(tmp_path / "x")
    assert len(text_search(index, encoder, "effusion", top_k=3).hits) == 3
    assert "whole image to (56, 56) bicubic" in encoder.fingerprint.preprocessing


def test_the_folder_is_recognised(tiny):
    assert choose_encoder("auto", weights=tiny) == ("medsiglip", "auto: --weights holds a SigLIP")


def test_gated_weights_are_explained_step_by_step():
    with pytest.raises(WeightsUnavailableError, match="not on this machine") as caught:
        load_encoder("medsiglip")
    for step in ("accept the terms", "hf auth login", "medx models pull medsiglip", "--weights"):
        assert step in caught.value.hint


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"]
)
def test_incomplete_and_damaged_folders_are_named(tiny, tmp_path, name):
    folder = shutil.copytree(tiny, tmp_path / "damaged")
    (folder / name).write_bytes((folder / name).read_bytes()[:50])
    with pytest.raises(WeightsUnavailableError, match="holds no readable SigLIP"):
        MedSigLIPEncoder(folder, device="cpu")
    (folder / name).unlink()
    with pytest.raises(WeightsUnavailableError, match=f"lacks .*{name}"):
        MedSigLIPEncoder(folder, device="cpu")


def test_sentencepiece_is_asked_for_where_only_it_can_read(tiny, tmp_path):
    if pytest.importorskip("importlib.util").find_spec("sentencepiece"):
        pytest.skip("sentencepiece is installed")
    folder = shutil.copytree(tiny, tmp_path / "spiece")
    (folder / "tokenizer.json").rename(folder / "spiece.model")
    with pytest.raises(WeightsUnavailableError, match="sentencepiece") as caught:
        MedSigLIPEncoder(folder, device="cpu")
    assert caught.value.hint == "pip install sentencepiece protobuf"


def test_shards_have_one_hash(tiny, tmp_path, encoder):
    folder = tmp_path / "shards"
    SiglipModel.from_pretrained(tiny).save_pretrained(folder, max_shard_size="60KB")
    for name in ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / name, folder)
    assert len(json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]) > 1
    sharded = MedSigLIPEncoder(folder, device="cpu")
    np.testing.assert_allclose(sharded.embed_texts(TEXTS), encoder.embed_texts(TEXTS), atol=1e-6)
    assert len(sharded.fingerprint.weights_sha256) == 64
