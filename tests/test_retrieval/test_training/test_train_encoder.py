import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from medx.core.errors import InputError
from medx.datasets.catalog import load_dataset
from retrieval.config import TrainEncoderConfig
from retrieval.encoders.compact import CompactEncoder
from retrieval.training import train_encoder as module
from retrieval.training.batches import labelled_pool

TINY = TrainEncoderConfig(steps=4, batch_size=12, phantoms=24, device="cpu")


def train(two_class, folder, *, resume=False, **changes):
    dataset = load_dataset(str(two_class))
    return module.train_encoder(replace(TINY, **changes), dataset, folder, resume=resume)


def test_what_is_trained_can_be_read_and_says_on_what(two_class, tmp_path):
    train(two_class, tmp_path)
    encoder = CompactEncoder(tmp_path)
    assert encoder.embed_texts(["consolidation"]).shape == (1, encoder.dim)
    about = json.loads((tmp_path / "compact.json").read_text())
    assert about["training"]["phantoms"] == 24
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
        "compact.json", "compact.safetensors"
    ]  # fmt: skip


def test_an_interrupted_training_ends_the_same(two_class, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "STEPS_A_STATE", 2)
    whole = load_file(train(two_class, tmp_path / "whole"))
    steps = module.update_average

    def stop(average, network, decay, step):
        if step == 2:
            raise KeyboardInterrupt
        steps(average, network, decay, step)

    monkeypatch.setattr(module, "update_average", stop)
    with pytest.raises(KeyboardInterrupt):
        train(two_class, tmp_path / "cut")
    said = capsys.readouterr().err.replace("\n", " ")
    assert "medx retrieve train-encoder --resume --output" in said
    monkeypatch.setattr(module, "update_average", steps)
    with pytest.raises(InputError, match="other settings"):
        train(two_class, tmp_path / "cut", resume=True, seed=1)
    resumed = load_file(train(two_class, tmp_path / "cut", resume=True))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_finished_training_is_not_done_again(two_class, tmp_path, monkeypatch, capsys):
    path = train(two_class, tmp_path)
    monkeypatch.setattr(module, "draw_batches", lambda *_, **__: pytest.fail("trained again"))
    assert train(two_class, tmp_path, resume=True) == path
    assert "already finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be >= 1"),
        ({"batch_size": 3}, "batch_size must be >= 4"),
        ({"phantoms": 0}, "phantoms must be >= 1"),
        ({"seed": -1}, "seed must be >= 0"),
        ({"temperature": 0.0}, "temperature must be > 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be > 0"),
        ({"ema_decay": 1.0}, "ema_decay must be >= 0 and < 1"),
    ],
)
def test_settings_that_cannot_train_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"label": "schizont"}, "'schizont'"), ({"label": None}, "has no label")],
)
def test_labels_without_words_are_refused(two_class, changes, message):
    dataset = load_dataset(str(two_class))
    odd = replace(dataset, records=(replace(dataset.records[0], **changes), *dataset.records[1:]))
    with pytest.raises(InputError, match=message) as raised:
        labelled_pool(odd, 32)
    assert "pleural effusion" in raised.value.hint
    with pytest.raises(InputError, match="in colour"):
        labelled_pool(replace(dataset, colour=True), 32)
