"""An adapted encoder computes as the encoder below it does."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from test_retrieval.tiny_biomedclip import TEXTS

from medx.core.errors import InputError, WeightsUnavailableError
from retrieval.encoders.adapted import ABOUT_FILE, AdapterDescription
from retrieval.encoders.adapter_head import HEAD_FILE
from retrieval.encoders.load import load_encoder

IMAGES = [np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)]


@pytest.fixture
def adapt(tmp_path):
    """Write a head that changes nothing over an encoder."""

    def write(base, weights=None):
        about = AdapterDescription(
            base=base.fingerprint, base_weights=weights and str(weights), head="linear",
            text="as it is", text_reason="", dataset="d", synthetic=True,
        )  # fmt: skip
        (tmp_path / ABOUT_FILE).write_text(about.model_dump_json())
        save_file({"turn.weight": np.eye(base.dim, dtype=np.float32)}, tmp_path / HEAD_FILE)
        return f"adapted:{tmp_path}"

    return write


@pytest.mark.parametrize("precision", ["int8", "bf16", "fp32"])
def test_it_has_the_precision_of_what_is_below(exported, tiny, adapt, precision):
    base = load_encoder("biomedclip", weights=tiny, precision=precision, device="cpu")
    name = adapt(base, tiny)
    for asked in ("fp32", precision):
        encoder = load_encoder(name, precision=asked, device="cpu")
        assert encoder.fingerprint.precision == precision
        for found, below in (
            (encoder.embed_images(IMAGES), base.embed_images(IMAGES)),
            (encoder.embed_texts(TEXTS), base.embed_texts(TEXTS)),
        ):
            np.testing.assert_allclose(found, below, atol=1e-5)


def test_a_runtime_is_that_of_what_is_below(exported, tiny, original, adapt):
    encoder = load_encoder(adapt(original, tiny), runtime="onnx")
    found = encoder.embed_images(IMAGES)
    np.testing.assert_allclose(found, original.embed_images(IMAGES), atol=1e-4)


def test_an_encoder_that_adapts_itself_is_refused(adapt, tmp_path):
    name = adapt(load_encoder("compact"), tmp_path)
    about = AdapterDescription.model_validate_json((tmp_path / ABOUT_FILE).read_bytes())
    base = about.base.model_copy(update={"name": name})
    changed = about.model_copy(update={"base": base})
    (tmp_path / ABOUT_FILE).write_text(changed.model_dump_json())
    with pytest.raises(WeightsUnavailableError, match="adapts itself"):
        load_encoder(name)


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_no_precision_is_claimed_that_is_not_computed(adapt, precision):
    name = adapt(load_encoder("compact"))
    with pytest.raises(InputError, match=r"fp32 alone|no other runtime"):
        load_encoder(name, precision=precision, device="cpu")
