import json

import pytest
import torch
from safetensors.torch import load_file

from medx.core.errors import InputError
from medx.datasets.catalog import load_dataset
from retrieval import train_encoder as module
from retrieval.config import TrainEncoderConfig
from retrieval.encoders.compact import CompactEncoder

TINY = TrainEncoderConfig(steps=4, batch_size=12, phantoms=24, device="cpu")


def train(two_class, folder, *, resume=False, **changes):
    from dataclasses import replace

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


def test_an_interrupted_training_ends_the_same(two_class, tmp_path, monkeypatch):
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
    monkeypatch.setattr(module, "update_average", steps)
    with pytest.raises(InputError, match="other settings"):
        train(two_class, tmp_path / "cut", resume=True, seed=1)
    resumed = load_file(train(two_class, tmp_path / "cut", resume=True))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
