import pytest
import torch

from classify.config import TrainConfig
from classify.results import Epoch
from classify.training.learner import build_learner, load_training_data
from classify.training.state import STATE_FILE, Progress, load_state, save_state
from medx.core.errors import CheckpointError
from medx.datasets.manifest_files import load_manifest


def epoch(number, auroc, loss=0.5):
    return Epoch(
        epoch=number,
        train_loss=0.1 + 0.2,
        val_loss=loss,
        val_auroc=auroc,
        learning_rate=1 / 3,
        seconds=1.5,
    )


@pytest.fixture
def new_learner(two_class):
    config = TrainConfig(device="cpu", size=16)
    data = load_training_data(config, load_manifest(two_class))
    return lambda: build_learner(config, data)


def take_step(learner):
    learner.network(torch.ones(4, 1, 16, 16)).square().sum().backward()
    learner.optimizer.step()
    learner.optimizer.zero_grad()


def test_the_best_epoch_has_the_highest_auc_then_the_lowest_loss():
    progress = Progress()
    judged = [epoch(1, 0.8), epoch(2, 0.9), epoch(3, 0.9), epoch(4, 0.9, loss=0.4), epoch(5, 0.7)]
    assert [progress.add(e) for e in judged] == [True, True, False, True, False]
    assert progress.best_epoch == 4
    assert progress.epochs_done == 5


def test_what_was_saved_goes_on_as_if_it_had_not_stopped(new_learner, tmp_path):
    first = new_learner()
    take_step(first)
    progress = Progress(history=[epoch(1, 0.123456789012345)], best_epoch=1)
    save_state(tmp_path, progress, first)
    second = new_learner()
    assert load_state(tmp_path, second) == progress
    for learner in (first, second):
        learner.network.train()
        torch.manual_seed(0)
        take_step(learner)
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name


def test_a_damaged_state_is_an_error(new_learner, tmp_path):
    learner = new_learner()
    save_state(tmp_path, Progress(), learner)
    path = tmp_path / STATE_FILE
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(tmp_path, learner)


def test_the_state_of_another_network_is_an_error(new_learner, two_class, tmp_path):
    other = TrainConfig(device="cpu", size=32, model="test_vit", pretrained=False)
    data = load_training_data(other, load_manifest(two_class))
    save_state(tmp_path, Progress(), build_learner(other, data))
    with pytest.raises(CheckpointError, match="does not fit this run") as caught:
        load_state(tmp_path, new_learner())
    assert "without --resume" in caught.value.hint
