import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from test_retrieval.tiny_biomedclip import TEXTS, write_tiny_biomedclip

from medx.core.errors import InputError, WeightsUnavailableError
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset
from medx.datasets.manifest_files import save_dataset
from retrieval.config import TrainClipConfig
from retrieval.encoders.load import load_encoder
from retrieval.training import train_clip as module
from retrieval.training.captioned import caption_split, settle_source
from retrieval.training.clip_model import CONFIG_FILE, WEIGHTS_FILE
from retrieval.training.train_clip import ABOUT_FILE, STATE_FILE, train_clip

SIZES = {
    "embed_dim": 16,
    "vision_cfg": {
        "image_size": 28, "patch_size": 7, "width": 32, "layers": 1, "head_width": 16,
    },
    "text_cfg": {
        "context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1,
    },
}  # fmt: skip


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "sizes.json"
    path.write_text(json.dumps(SIZES))
    return TrainClipConfig(
        architecture=str(path), epochs=2, batch_size=20, device="cpu", augmentation="none"
    )


@pytest.fixture
def captioned(two_class, tmp_path):
    """The two-class images, each with the sentence of its class for a caption."""
    words = {"normal": TEXTS[0], "pneumonia": TEXTS[1]}
    dataset = load_dataset(str(two_class))
    records = tuple(replace(r, text=words[r.label], label=None) for r in dataset.records)
    return replace(dataset, records=records)


def test_a_model_from_scratch_learns_and_can_be_asked(two_class, config, tmp_path):
    config = replace(config, epochs=12, learning_rate=0.003)
    result = train_clip(config, load_dataset(str(two_class)), tmp_path / "oc")
    assert result.learned_from == "label"
    assert result.epochs[result.best_epoch].val_map > 0.95
    assert result.epochs[result.best_epoch].val_loss < result.epochs[0].val_loss
    encoder = load_encoder(weights=tmp_path / "oc")
    assert (encoder.name, encoder.dim) == ("open_clip", 16)
    dataset = load_dataset(str(two_class)).split("test")
    images = encoder.embed_images([dataset.read(record).pixels for record in dataset.records])
    nearest = (images @ encoder.embed_texts(["normal", "pneumonia"]).T).argmax(axis=1)
    labels = [record.label == "pneumonia" for record in dataset.records]
    assert np.mean(nearest == labels) > 0.9
    kept = {path.name for path in (tmp_path / "oc").iterdir()}
    assert kept == {CONFIG_FILE, WEIGHTS_FILE, ABOUT_FILE}


def test_fine_tuning_on_captions_starts_from_the_folder(captioned, tmp_path):
    start = write_tiny_biomedclip(tmp_path / "start")
    before = load_file(start / WEIGHTS_FILE)
    config = TrainClipConfig(
        start=start, epochs=2, batch_size=20, learning_rate=1e-3, device="cpu",
        augmentation="none",
    )  # fmt: skip
    result = train_clip(config, captioned, tmp_path / "tuned")
    assert (result.learned_from, result.train_images) == ("text", 60)
    after = load_file(tmp_path / "tuned" / WEIGHTS_FILE)
    assert set(after) == set(before)
    if result.best_epoch:
        assert not all(torch.equal(after[name], before[name]) for name in after)
    for path in start.iterdir():
        assert (tmp_path / "tuned" / path.name).is_file()
    encoder = load_encoder(weights=tmp_path / "tuned")
    assert encoder.fingerprint != load_encoder(weights=start).fingerprint
    assert encoder.embed_texts([TEXTS[0]]).shape == (1, 32)
    assert all(torch.equal(t, load_file(start / WEIGHTS_FILE)[k]) for k, t in before.items())


def test_an_interrupted_training_ends_the_same(two_class, config, tmp_path, monkeypatch, capsys):
    dataset = load_dataset(str(two_class))
    config = replace(config, epochs=3, learning_rate=0.01, augmentation="radiograph")
    whole = train_clip(config, dataset, tmp_path / "whole")
    usual = module.seed_step

    def stop(seed, epoch, step):
        if (epoch, step) == (3, 1):
            raise KeyboardInterrupt
        usual(seed, epoch, step)

    monkeypatch.setattr(module, "seed_step", stop)
    with pytest.raises(KeyboardInterrupt):
        train_clip(config, dataset, tmp_path / "cut")
    assert "the same command and --resume" in capsys.readouterr().err
    assert (tmp_path / "cut" / STATE_FILE).is_file()
    assert load_encoder(weights=tmp_path / "cut").dim == 16  # the best so far
    monkeypatch.setattr(module, "seed_step", usual)
    with pytest.raises(InputError, match="other settings or images"):
        train_clip(replace(config, seed=1), dataset, tmp_path / "cut", resume=True)
    resumed = train_clip(config, dataset, tmp_path / "cut", resume=True)
    assert resumed.epochs == whole.epochs
    ours, theirs = (load_file(tmp_path / name / WEIGHTS_FILE) for name in ("whole", "cut"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert train_clip(config, dataset, tmp_path / "cut", resume=True) == resumed
    assert "already finished" in capsys.readouterr().err


def test_only_train_and_val_are_read(two_class, config, tmp_path):
    dataset = load_dataset(str(two_class))

    def read(record):
        assert record.split != "test"
        return dataset.reader(record)

    train_clip(replace(config, epochs=1), replace(dataset, reader=read), tmp_path / "oc")


def test_unreadable_images_are_left_out_and_listed(captioned, config, tmp_path):
    folder = tmp_path / "some"
    (folder / "images").mkdir(parents=True)
    for record in captioned.records:
        pixels = captioned.read(record).pixels
        Image.fromarray(pixels).save(folder / record.path)
    save_dataset(replace(captioned, root=None), folder)
    (folder / "images" / "train-normal-003.png").write_bytes(b"\x89PNG")
    result = train_clip(replace(config, epochs=1), load_dataset(str(folder)), tmp_path / "oc")
    assert list(result.skipped) == ["train-normal-003"]


def test_texts_of_captions_and_of_labels(captioned, two_class):
    labelled = load_dataset(str(two_class))
    assert settle_source(captioned, "auto") == "text"
    assert settle_source(labelled, "auto") == "label"
    by_label = caption_split(labelled, "train", "label")
    rng = np.random.default_rng(0)
    drawn = by_label.draw(np.arange(60), rng)
    assert len(set(drawn)) > 10
    assert caption_split(captioned, "train", "text").draw(np.arange(2), rng) == [TEXTS[0]] * 2
    several = replace(labelled.records[0], label="normal|pneumonia")
    both = caption_split(
        replace(labelled, records=(several, *labelled.records[1:])), "train", "label"
    )
    assert both.texts[0] == ("normal and pneumonia",)
    with pytest.raises(InputError, match="fewer than two train images of two have a text"):
        caption_split(labelled, "train", "text")


def test_what_cannot_be_trained(two_class, config, tmp_path):
    dataset: Dataset = load_dataset(str(two_class))
    with pytest.raises(InputError, match="would be overwritten"):
        train_clip(replace(config, start=tmp_path), dataset, tmp_path)
    with pytest.raises(WeightsUnavailableError, match="lacks"):
        train_clip(replace(config, start=two_class), dataset, tmp_path / "oc")
    (tmp_path / "bad.json").write_text('{"embed_dim": 3}')
    with pytest.raises(InputError, match="no open_clip model config"):
        train_clip(
            replace(config, architecture=str(tmp_path / "bad.json")), dataset, tmp_path / "o"
        )
    with pytest.raises(InputError, match="cannot read the architecture"):
        train_clip(replace(config, architecture="smal"), dataset, tmp_path / "o")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / WEIGHTS_FILE).touch()
    with pytest.raises(InputError, match="already holds an open_clip model"):
        train_clip(config, dataset, tmp_path / "full")


def test_from_the_command_line(cli, two_class, config, tmp_path):
    def train(*args):
        return cli("retrieve", "train-encoder", "--dataset", two_class, *args)

    done = train("--architecture", config.architecture, "--epochs", 1, "--output", "oc", "--json")
    assert done.exit_code == 0, done.stderr
    assert (done.json["finished"], done.json["synthetic"]) == (True, True)
    wrong = train("--architecture", "small", "--steps", 3)
    assert "--steps means nothing to the training of an open_clip one" in wrong.stderr
    assert "--epochs means nothing" in train("--epochs", 3).stderr
    compact = train(
        "--steps", 1, "--batch-size", 4, "--set", "phantoms=4", "--output", "c", "--json"
    )
    assert compact.json["weights"].endswith("compact.safetensors")
    assert compact.json["settings"]["steps"] == 1
