import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from test_retrieval.toy_encoder import ToyEncoder

from medx.core import settings
from medx.core.errors import IndexMismatchError, InputError, WeightsUnavailableError
from medx.core.runs import create_run_dir
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.config import AdaptConfig, EvaluateConfig
from retrieval.encoders.adapted import ABOUT_FILE, AdaptedEncoder
from retrieval.encoders.adapter_head import HEAD_FILE, AdapterHead
from retrieval.encoders.load import load_encoder
from retrieval.evaluation.images import evaluate_images
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.items import Item, Items
from retrieval.training.adapt import adapt_encoder
from retrieval.training.adapter_model import AdapterModel
from retrieval.training.contrast import contrast

QUICK = AdaptConfig(epochs=8, batch_size=64, hidden=16, top_k=5, device="cpu")


class WordlessEncoder(ToyEncoder):
    """The toy encoder, for images only."""

    supports_text = False


def hidden_classes(toy_index, *, shift=0.25, splits=("train", "val", "test")):
    """An index whose classes differ in one weak direction under strong shared noise."""
    rng = np.random.default_rng(0)
    items, rows = [], []
    for split in splits:
        for i in range(60):
            label = ("normal", "pneumonia")[i % 2]
            row = rng.normal(size=9) * np.array([1, 1, 1, 1, 1, 1, 1, 1, 0.15])
            row[8] += shift if label == "pneumonia" else -shift
            rows.append(row)
            name = f"{split}-{i:02d}"
            items.append(Item(id=name, content_hash=name, path="", label=label, split=split))
    table = Items.from_items(items)
    description = toy_index.description.model_copy(
        update={"count": len(items), "splits": table.splits, "segments": ()}
    )
    return GalleryIndex.from_embeddings(np.array(rows, np.float32), table, description)


def precision(index, split):
    config = EvaluateConfig(split=split, top_ks=(5,))
    return evaluate_images(index, config, protocol="leave-one-out").result.row(5).value.estimate


@pytest.mark.parametrize("head", ["mlp", "linear"])
def test_a_head_finds_the_direction_that_tells_classes_apart(toy_index, toy, tmp_path, head):
    index = hidden_classes(toy_index)
    config = replace(QUICK, head=head, epochs=60, learning_rate=0.05)
    result = adapt_encoder(index, toy, tmp_path / "a", config)
    assert result.val_gain.low > 0.05
    assert result.val_before.estimate == pytest.approx(precision(index, "val"))
    adapted = GalleryIndex.load(settings.index_dir() / result.index)
    assert adapted.description.encoder == result.encoder
    assert precision(adapted, "val") == pytest.approx(result.val_after.estimate)
    # Test images were not looked at, and gain as well.
    assert precision(adapted, "test") > precision(index, "test") + 0.05


def test_the_adapted_encoder_embeds_as_its_index_does(two_class, toy, tmp_path):
    dataset = load_dataset(str(two_class))
    build_index(dataset, toy, tmp_path / "two")
    index = GalleryIndex.load(tmp_path / "two")
    result = adapt_encoder(index, toy, tmp_path / "a", QUICK)
    encoder = load_encoder(f"adapted:{tmp_path / 'a'}")
    assert encoder.fingerprint == result.encoder
    made = GalleryIndex.load(settings.index_dir() / "two-adapted-a")
    build_index(dataset, encoder, tmp_path / "again")
    again = GalleryIndex.load(tmp_path / "again")
    np.testing.assert_allclose(made.embeddings(), again.embeddings(), atol=1e-6)
    assert load_encoder(weights=tmp_path / "a").name == "adapted:a"


def test_numpy_answers_as_torch_was_trained():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(5, 12)).astype(np.float32)
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    for head in ("mlp", "linear"):
        model = AdapterModel(12, replace(QUICK, head=head)).eval()
        untouched = AdapterHead(model.arrays())
        np.testing.assert_allclose(untouched(inputs), inputs, atol=1e-6)
        with torch.no_grad():
            for tensor in model.parameters():
                tensor.normal_()
            expected = model(torch.from_numpy(inputs)).numpy()
        np.testing.assert_allclose(AdapterHead(model.arrays())(inputs), expected, atol=1e-5)


def test_contrast_is_the_published_loss():
    """Khosla et al. 2020, equation 2, written out."""
    z = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    labels = [0, 0, 1, 1, 1, 2]
    expected = []
    for i in range(5):
        others = [a for a in range(6) if a != i]
        total = sum(torch.exp(z[i] @ z[a] / 0.5) for a in others)
        alike = [p for p in others if labels[p] == labels[i]]
        terms = [torch.log(torch.exp(z[i] @ z[p] / 0.5) / total) for p in alike]
        expected.append(-sum(terms) / len(alike))
    same = torch.tensor(labels)
    itself = torch.eye(6, dtype=torch.bool)
    logits = (z @ z.T / 0.5).masked_fill(itself, -1e4)
    found = contrast(logits, (same[:, None] == same) & ~itself)
    assert found.item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-5)


def test_a_head_that_gains_nothing_is_not_kept(toy_index, toy, tmp_path, capsys):
    """The toy classes are told apart as it is: no epoch can be better."""
    result = adapt_encoder(toy_index, toy, tmp_path / "a", replace(QUICK, epochs=2))
    assert (result.val_before.estimate, result.best_epoch) == (1.0, 0)
    assert "the head does nothing" in capsys.readouterr().err
    encoder = AdaptedEncoder(tmp_path / "a", toy)
    texts = ["pneumonia"]
    np.testing.assert_allclose(encoder.embed_texts(texts), toy.embed_texts(texts), atol=1e-6)


def test_texts_that_find_nothing_any_more_are_refused(toy_index, toy, tmp_path):
    """Words say where an image is bright; the head learns what has nothing to do with it."""
    index = hidden_classes(toy_index, shift=0.3)
    result = adapt_encoder(index, toy, tmp_path / "a", QUICK)
    assert result.text.before is not None
    about = json.loads((tmp_path / "a" / ABOUT_FILE).read_text())
    (tmp_path / "a" / ABOUT_FILE).write_text(json.dumps({**about, "text": "refused"}))
    encoder = AdaptedEncoder(tmp_path / "a", toy)
    assert not encoder.supports_text
    assert encoder.fingerprint != result.encoder
    with pytest.raises(InputError, match="refuses words") as raised:
        encoder.embed_texts(["pneumonia"])
    assert "--encoder toy" in raised.value.hint


def test_an_encoder_of_images_stays_one(two_class, tmp_path):
    wordless = WordlessEncoder()
    build_index(load_dataset(str(two_class)), wordless, tmp_path / "two")
    result = adapt_encoder(GalleryIndex.load(tmp_path / "two"), wordless, tmp_path / "a", QUICK)
    assert (result.text.route, result.text.reason) == ("refused", "toy reads images only")
    with pytest.raises(InputError, match="reads images only"):
        AdaptedEncoder(tmp_path / "a", wordless).embed_texts(["normal"])


def test_same_seed_same_head(toy_index, toy, tmp_path):
    index = hidden_classes(toy_index)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        adapt_encoder(index, toy, tmp_path / name, replace(QUICK, epochs=3, seed=seed))
    a, b, c = (load_file(tmp_path / name / HEAD_FILE) for name in "abc")
    assert all(np.array_equal(a[key], b[key]) for key in a)
    assert not all(np.array_equal(a[key], c[key]) for key in a)


def test_what_cannot_be_adapted(toy_index, toy, tmp_path):
    with pytest.raises(InputError, match="holds no val split"):
        adapt_encoder(hidden_classes(toy_index, splits=("train",)), toy, tmp_path)
    with pytest.raises(IndexMismatchError):
        adapt_encoder(toy_index, ToyEncoder(weights_sha256="1" * 64), tmp_path)
    with pytest.raises(InputError, match="top_k 60 is more than the 59"):
        adapt_encoder(toy_index, toy, tmp_path, replace(QUICK, top_k=60))


def test_folders_that_are_no_adapted_encoder(toy_index, toy, tmp_path):
    with pytest.raises(WeightsUnavailableError, match="no adapted encoder 'nothing'"):
        load_encoder("adapted:nothing")
    folder = tmp_path / "a"
    adapt_encoder(toy_index, toy, folder, replace(QUICK, epochs=1))
    with pytest.raises(WeightsUnavailableError, match="adapts toy 0000000000000000, not toy 1111"):
        AdaptedEncoder(folder, ToyEncoder(weights_sha256="1" * 64))
    save_file({"turn.weight": np.eye(9, dtype=np.float32)}, folder / HEAD_FILE)
    with pytest.raises(WeightsUnavailableError, match="holds no mlp head of dim 9"):
        AdaptedEncoder(folder, toy)
    (folder / HEAD_FILE).write_bytes(b"half")
    with pytest.raises(WeightsUnavailableError, match="cannot be read"):
        AdaptedEncoder(folder, toy)
    (folder / ABOUT_FILE).write_text("{")
    with pytest.raises(WeightsUnavailableError, match="holds no adapted encoder"):
        AdaptedEncoder(folder, toy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": "deep"}, "head must be one of mlp, linear"),
        ({"temperature": 0.0}, "temperature must be > 0"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"epochs": 0}, "epochs must be >= 1"),
        ({"batch_size": 3}, "batch_size must be >= 4"),
    ],
)
def test_settings_that_cannot_train_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(QUICK, **changes)


def test_from_the_command_line(cli, two_class, tmp_path):
    done = cli(
        "retrieve", "adapt", "--dataset", two_class, "--encoder", "toy", "--name", "mine",
        "--epochs", 2, "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "leave-one-out within 60 val images" in done.stdout
    assert "SYNTHETIC two" in done.stdout
    folder = settings.output_dir() / "retrieve" / "adapt" / "mine"
    again = cli("retrieve", "adapt", "--dataset", two_class, "--encoder", "toy", "--name", "mine")
    assert "already holds a run" in again.stderr
    found = cli(
        "retrieve", "text-search", "pneumonia", "--dataset", two_class, "--encoder",
        f"adapted:{folder}", "--top-k", 3, "--json",
    )  # fmt: skip
    assert [hit["label"] for hit in found.json["hits"]] == ["pneumonia"] * 3
    with pytest.raises(InputError, match="already holds a run"):
        create_run_dir("retrieve", "adapt", name="mine")


def test_the_index_of_another_adapted_encoder_stays(toy_index, toy, tmp_path):
    index = hidden_classes(toy_index)
    quick = replace(QUICK, epochs=1)
    first = adapt_encoder(index, toy, tmp_path / "one" / "best", quick)
    path = settings.index_dir() / first.index / "index.json"
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"is there already, by .*one/best") as raised:
        adapt_encoder(index, toy, tmp_path / "two" / "best", quick)
    assert "--name" in raised.value.hint
    assert path.read_bytes() == before
    assert not (tmp_path / "two").exists()
    adapt_encoder(index, toy, tmp_path / "one" / "best", quick)
