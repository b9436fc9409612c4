import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from medx.core.errors import WeightsUnavailableError
from retrieval.encoders.compact import CompactEncoder
from retrieval.training.compact_model import CompactArchitecture, CompactModel

WEIGHTS = Path(str(resources.files("retrieval"))) / "weights"


@pytest.fixture(scope="module")
def encoder():
    return CompactEncoder()


@pytest.fixture(scope="module")
def torch_model():
    about = json.loads((WEIGHTS / "compact.json").read_text())["architecture"]
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in about.items()}
    model = CompactModel(CompactArchitecture(**sizes))
    weights = load_file(WEIGHTS / "compact.safetensors")
    absent = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    assert not absent.unexpected_keys
    assert all("num_batches_tracked" in key for key in absent.missing_keys)
    return model.eval()


def unit(x):
    return torch.nn.functional.normalize(x, dim=1).numpy()


def test_the_numpy_image_tower_equals_the_torch_one(encoder, torch_model):
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8)
    with torch.inference_mode():
        expected = unit(torch_model.image(torch.from_numpy(images)[:, None].float() / 255.0))
    assert np.abs(encoder.embed_images(list(images)) - expected).max() < 1e-5


def test_the_numpy_text_tower_equals_the_torch_one(encoder, torch_model):
    texts = ["consolidation", "no pleural effusion", "there is a large nodule in the left lung"]
    with torch.inference_mode():
        expected = unit(torch_model.text(torch.from_numpy(encoder._vocabulary.encode(texts))))
    assert np.abs(encoder.embed_texts(texts) - expected).max() < 1e-5


def test_a_batch_gives_what_each_alone_gives(encoder):
    images = list(np.random.default_rng(1).integers(0, 256, (7, 30, 41), dtype=np.uint8))
    together = encoder.embed_images(images, batch_size=3)
    alone = np.concatenate([encoder.embed_images([image]) for image in images])
    assert np.abs(together - alone).max() < 1e-5
    texts = ["nodule", "a moderate pleural effusion on the right side", ""]
    alone = np.concatenate([encoder.embed_texts([text]) for text in texts])
    assert np.abs(encoder.embed_texts(texts) - alone).max() < 1e-5


def test_colour_and_grey_of_one_picture_agree(encoder):
    grey = np.random.default_rng(2).integers(0, 256, (50, 60), dtype=np.uint8)
    colour = np.repeat(grey[..., None], 3, axis=2)
    assert np.allclose(encoder.embed_images([grey]), encoder.embed_images([colour]))


def test_words_find_findings(encoder):
    a, b, far = encoder.embed_texts(["consolidation", "pneumonia", "normal chest"])
    assert a @ b > 0.9
    assert a @ far < a @ b - 0.3


def test_unknown_words_are_told(encoder):
    assert encoder.unknown_words("tuberculosis").all_unknown
    assert encoder.unknown_words("chest x-ray of zebras").all_unknown
    part = encoder.unknown_words("miliary opacities")
    assert (part.words, part.all_unknown) == (("miliary",), False)
    assert encoder.unknown_words("Consolidations in the LEFT lung").words == ()


def test_the_shipped_weights_keep_their_limits():
    about = json.loads((WEIGHTS / "compact.json").read_text())
    weights = load_file(WEIGHTS / "compact.safetensors")
    assert sum(w.numel() for w in weights.values()) <= 3_000_000
    assert (WEIGHTS / "compact.safetensors").stat().st_size <= 10 * 2**20
    assert about["training"]["dataset"] == "pneumoniamnist"


def test_damaged_weights_are_a_clear_error(tmp_path):
    shutil.copy(WEIGHTS / "compact.json", tmp_path)
    (tmp_path / "compact.safetensors").write_bytes(b"\x10\0\0\0")
    with pytest.raises(WeightsUnavailableError, match="no readable compact encoder"):
        CompactEncoder(tmp_path)


def test_answering_imports_no_torch():
    code = (
        "import sys, numpy as np; from retrieval.encoders.compact import CompactEncoder;"
        "e = CompactEncoder(); e.embed_texts(['nodule']);"
        "e.embed_images([np.zeros((9, 9), np.uint8)]); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
