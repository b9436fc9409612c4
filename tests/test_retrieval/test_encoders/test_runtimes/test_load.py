"""An encoder at every runtime and precision."""

import json
import shutil

import numpy as np
import pytest
from test_retrieval.tiny_biomedclip import TEXTS

from medx.core.errors import InputError, UnknownNameError, WeightsUnavailableError
from retrieval.config import GalleryConfig
from retrieval.encoders.load import choose_encoder, load_encoder
from retrieval.encoders.runtimes.exported_encoder import ExportedEncoder
from retrieval.encoders.runtimes.fidelity_check import stored_fidelity
from retrieval.encoders.runtimes.load import query_runtime, resolve_runtime
from retrieval.encoders.runtimes.sources import find_export_dir


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    shapes = [(28, 28), (64, 64), (90, 70), (70, 90, 3), (300, 200)]
    return [rng.integers(0, 255, shape, np.uint8) for shape in shapes]


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_fp32_is_the_same_encoder(exported, tiny, original, images, runtime):
    encoder = load_encoder("biomedclip", weights=tiny, runtime=runtime)
    assert isinstance(encoder, ExportedEncoder)
    assert encoder.fingerprint == original.fingerprint
    for batch_size in (1, 2, 64):
        found = encoder.embed_images(images, batch_size=batch_size)
        np.testing.assert_allclose(found, original.embed_images(images), atol=1e-4, rtol=0)
    long = " ".join(["effusion"] * 700)
    for texts in (TEXTS, [TEXTS[0]], ["", long]):
        found = encoder.embed_texts(texts)
        np.testing.assert_allclose(found, original.embed_texts(texts), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("runtime", "precision"), [("onnx", "int8"), ("openvino", "bf16"), ("torch", "bf16")]
)
def test_lower_precision_is_another_encoder_close_by(
    exported, tiny, original, images, runtime, precision, capsys
):
    try:
        encoder = load_encoder(
            "biomedclip", weights=tiny, runtime=runtime, precision=precision, device="cpu"
        )
    except InputError as error:
        pytest.skip(str(error))
    assert encoder.fingerprint != original.fingerprint
    own = " by openvino" if runtime == "openvino" else ""
    assert str(encoder.fingerprint).endswith(f" at {precision}{own}")
    assert query_runtime(GalleryConfig(weights=tiny), encoder.fingerprint) in (runtime, "auto")
    found, wanted = encoder.embed_images(images), original.embed_images(images)
    assert np.sum(found * wanted, axis=1).min() > 0.99
    assert not np.array_equal(found, wanted)
    kept = stored_fidelity(exported)[f"{runtime} {precision}"]
    assert kept.synthetic
    assert 0.99 < kept.images.worst_cosine <= kept.images.mean_cosine <= 1
    assert kept.texts.count > 10


def test_int8_does_not_depend_on_what_else_is_in_the_batch(exported, tiny, images):
    encoder = load_encoder("biomedclip", weights=tiny, precision="int8")
    together = encoder.embed_images(images)
    alone = np.concatenate([encoder.embed_images([image]) for image in images])
    np.testing.assert_array_equal(together, alone)
    texts = np.concatenate([encoder.embed_texts([text]) for text in TEXTS])
    np.testing.assert_array_equal(encoder.embed_texts(TEXTS), texts)


def test_shrinking_changes_no_embedding(exported, tiny, images):
    encoder = load_encoder("biomedclip", weights=tiny, runtime="onnx")
    small = [encoder.shrink(image) for image in images]
    assert {image.shape[:2] for image in small} == {(64, 64)}
    np.testing.assert_array_equal(encoder.embed_images(small), encoder.embed_images(images))


def test_first_use_exports_and_says_so(exported, tiny, export_notes, capsys):
    assert find_export_dir("biomedclip", tiny) == exported
    assert f"exporting biomedclip to {exported}, once" in export_notes
    told = [note for note in export_notes if "cosine mean" in note]
    assert [note.split(",")[0] for note in told] == [
        "biomedclip at onnx fp32 beside torch fp32",
        "biomedclip at onnx int8 beside onnx fp32",
    ]
    assert "64 synthetic images of phantoms: cosine mean 1.00000" in told[0]
    assert "top-10 overlap 1.000" in told[0]
    load_encoder("biomedclip", weights=tiny, runtime="onnx")
    assert capsys.readouterr() == ("", "")


def test_an_export_holds_what_it_says(exported):
    towers = {f"{name}.onnx{end}" for name in ("image", "text") for end in ("", ".data")}
    halved = {name.replace(".onnx", "-int8.onnx") for name in towers}
    said = json.loads((exported / "export.json").read_text())["files"]
    assert set(said) == {*towers, *halved, "tokenizer.json"}
    assert {name: (exported / name).stat().st_size for name in said} == said
    modes = {(exported / name).stat().st_mode & 0o777 for name in said}
    assert modes == {(exported / "export.json").stat().st_mode & 0o777}


def test_other_weights_or_settings_are_exported_elsewhere(tiny, tmp_path):
    other = shutil.copytree(tiny, tmp_path / "other")
    assert find_export_dir("biomedclip", other) == find_export_dir("biomedclip", tiny)
    config = json.loads((other / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["resize_mode"] = "squash"
    (other / "open_clip_config.json").write_text(json.dumps(config))
    squashed = find_export_dir("biomedclip", other)
    assert squashed != find_export_dir("biomedclip", tiny)
    weights = other / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    assert find_export_dir("biomedclip", other) not in (squashed, None)


def test_an_export_is_weights_enough(exported, original, images, tmp_path):
    moved = shutil.copytree(exported, tmp_path / "moved")
    assert choose_encoder("auto", weights=moved).name == "biomedclip"
    encoder = load_encoder("auto", weights=moved)
    assert encoder.fingerprint == original.fingerprint
    found = encoder.embed_images(images)
    np.testing.assert_allclose(found, original.embed_images(images), atol=1e-4, rtol=0)
    with pytest.raises(InputError, match="which torch cannot run"):
        load_encoder("auto", weights=moved, runtime="torch")


@pytest.mark.parametrize("name", ["text.onnx.data", "tokenizer.json", "export.json"])
def test_a_damaged_export_is_named(exported, tmp_path, name):
    moved = shutil.copytree(exported, tmp_path / "moved")
    (moved / name).write_bytes((moved / name).read_bytes()[:-9])
    with pytest.raises(WeightsUnavailableError, match=r"cut short|no readable export"):
        load_encoder("biomedclip", weights=moved, runtime="onnx")


def test_a_graph_that_is_none_is_named(exported, tmp_path):
    moved = shutil.copytree(exported, tmp_path / "moved")
    (moved / "text.onnx").write_bytes(b"\0" * (moved / "text.onnx").stat().st_size)
    encoder = load_encoder("biomedclip", weights=moved, runtime="onnx")
    with pytest.raises(InputError, match=r"text\.onnx is not readable"):
        encoder.embed_texts(["effusion"])


def test_an_exported_encoder_shows_no_places(exported, tiny):
    encoder = load_encoder("biomedclip", weights=tiny, runtime="onnx")
    with pytest.raises(InputError, match="cannot show where") as raised:
        encoder.embed_patches(np.zeros((64, 64), np.uint8))
    assert "--runtime torch" in raised.value.hint


@pytest.mark.parametrize(
    ("asked", "taken"),
    [(("auto", "fp32"), "torch"), (("auto", "bf16"), "torch"), (("auto", "int8"), "onnx"),
     (("openvino", "bf16"), "openvino")],
)  # fmt: skip
def test_runtimes_for_precisions(asked, taken):
    assert resolve_runtime(*asked) == taken


def test_what_no_runtime_does_is_refused():
    with pytest.raises(InputError, match="torch does not compute in int8") as raised:
        resolve_runtime("torch", "int8")
    assert "--runtime onnx" in raised.value.hint
    with pytest.raises(UnknownNameError, match="'fp8'"):
        resolve_runtime("auto", "fp8")
    with pytest.raises(UnknownNameError, match="'onx'"):
        resolve_runtime("onx", "fp32")


@pytest.mark.parametrize("asked", [{"runtime": "onnx"}, {"precision": "bf16"}])
def test_compact_stays_as_it_is(asked):
    with pytest.raises(InputError, match="compact"):
        load_encoder("compact", **asked)


def test_onnx_on_a_graphics_card_is_refused(tiny):
    with pytest.raises(InputError, match="runs on the CPU"):
        load_encoder("biomedclip", weights=tiny, runtime="onnx", device="cuda")
