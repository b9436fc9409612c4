from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from classify.config import TrainConfig
from classify.model import build_model
from classify.results import Epoch
from classify.training.phases import HEAD, NETWORK, most_epochs, stand_after
from classify.training.train import train
from medx.core.console import listening

TWO_PHASES = TrainConfig(
    model="test_resnet",
    pretrained=False,
    size=32,
    head_epochs=2,
    epochs=2,
    layer_decay=0.5,
    batch_size=20,
    augmentation="none",
    normalise="backbone",
    device="cpu",
)


def judged(phase, *areas):
    return [
        Epoch(
            phase=phase, epoch=i, train_loss=1, val_loss=1, val_auroc=area, learning_rate=1,
            seconds=1,
        )
        for i, area in enumerate(areas, 1)
    ]  # fmt: skip


@pytest.fixture
def published(tmp_path):
    """A weight file of the network of ``TWO_PHASES``, as timm publishes them."""
    torch.manual_seed(5)
    state = build_model("test_resnet", 1000, 3).network.state_dict()
    save_file(state, tmp_path / "published.safetensors")
    return tmp_path / "published.safetensors"


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], (HEAD, 0)),
        (judged(HEAD, 0.5), (HEAD, 1)),
        (judged(HEAD, 0.9, 0.8), (HEAD, 2)),
        (judged(HEAD, 0.9, 0.8, 0.8), (NETWORK, 0)),
        (judged(HEAD, 0.5, 0.6, 0.7, 0.8, 0.9), (NETWORK, 0)),
        (judged(HEAD, 0.9, 0.8, 0.8) + judged(NETWORK, 0.1, 0.2), (NETWORK, 2)),
        (judged(HEAD, 0.9, 0.8, 0.8) + judged(NETWORK, 0.3, 0.2, 0.2, 0.2), None),
    ],
)
def test_each_phase_has_its_own_length_and_patience(history, expected):
    config = replace(TWO_PHASES, head_epochs=5, head_patience=2, epochs=9, patience=3)
    stand = stand_after(config, history)
    assert (stand and (stand.phase.name, stand.done)) == expected
    assert most_epochs(config) == 14


def test_keeping_the_last_epoch_never_stops_early():
    config = replace(TWO_PHASES, head_epochs=0, epochs=4, patience=1, keep="last")
    assert stand_after(config, judged(NETWORK, 0.9, 0.1, 0.1)) is not None
    assert stand_after(config, judged(NETWORK, 0.9, 0.1, 0.1, 0.1)) is None


def test_a_frozen_backbone_keeps_every_weight_and_statistic(published, binary, tmp_path):
    config = replace(TWO_PHASES, weights=str(published), unfreeze=0, epochs=1)
    train(config, tmp_path / "run", replace(binary, colour=True))
    before, after = load_file(published), load_file(tmp_path / "run" / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[f"network.{name}"])}
    assert changed == {"fc.weight", "fc.bias"}


def test_only_the_last_blocks_learn_when_so_told(published, binary, tmp_path):
    config = replace(TWO_PHASES, weights=str(published), unfreeze=1, head_epochs=0, epochs=1)
    train(config, tmp_path / "run", replace(binary, colour=True))
    before, after = load_file(published), load_file(tmp_path / "run" / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[f"network.{name}"])}
    assert {name.split(".")[0] for name in changed} == {"layer4", "fc"}


def test_the_second_phase_starts_from_the_best_of_the_first(binary, tmp_path):
    config = replace(
        TWO_PHASES, head_learning_rate=0.05, head_epochs=4, unfreeze=0, epochs=1, learning_rate=1e-9
    )
    history = train(config, tmp_path / "run", binary).history
    best = max(history[:4], key=lambda epoch: (epoch.val_auroc, -epoch.val_loss))
    assert [epoch.phase for epoch in history] == [HEAD] * 4 + [NETWORK]
    assert history[4].val_loss == pytest.approx(best.val_loss, rel=1e-4)


@pytest.mark.parametrize("last", [1, 2, 3])
def test_an_interrupt_in_either_phase_changes_nothing(binary, tmp_path, last):
    def stop(message):
        if message.startswith(f"epoch {last}/4"):
            raise KeyboardInterrupt

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(TWO_PHASES, whole, binary)
    with pytest.raises(KeyboardInterrupt), listening(stop):
        train(TWO_PHASES, stopped, binary)
    result = train(TWO_PHASES, stopped, binary, resume=True)
    assert [epoch.phase for epoch in result.history] == [HEAD, HEAD, NETWORK, NETWORK]
    first, second = (folder / "model.safetensors" for folder in (whole, stopped))
    assert first.read_bytes() == second.read_bytes()
