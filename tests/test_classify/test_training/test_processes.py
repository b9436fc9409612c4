import json
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from classify.config import TrainConfig
from classify.training.processes import join_rows, my_rows, sum_gradients, total
from classify.training.state import STATE_FILE
from classify.training.train import train
from medx.core.processes import from_main
from medx.datasets.manifest_files import load_manifest

COMMAND = ["-m", "medx.cli", "classify", "train", "--device", "cpu", "--batch-size", "20"]
TOGETHER = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


@pytest.fixture
def start(two_class, tmp_path):
    """Run a training in two processes, and return its folder; or stop it on the way."""

    def run(name, *settings, stop=False):
        where = ["--dataset", str(two_class), "--output", str(tmp_path / name)]
        process = subprocess.Popen(
            [sys.executable, *TOGETHER, *COMMAND, *settings, *where, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while stop and not (tmp_path / name / STATE_FILE).exists() and process.poll() is None:
            time.sleep(0.01)
        if stop:
            process.send_signal(signal.SIGINT)
        said, noted = process.communicate()
        assert (process.returncode == 0) is not stop, noted
        if not stop:
            assert json.loads(said)["run_dir"] == str(tmp_path / name)
        assert noted.count("2 processes share each batch") == 1
        return tmp_path / name

    return run


@pytest.fixture
def alone(two_class, tmp_path):
    """Run the same training in this one process."""

    def run(**settings):
        config = TrainConfig(batch_size=20, device="cpu", **settings)
        train(config, tmp_path / "one", load_manifest(two_class))
        return tmp_path / "one"

    return run


def weights(run_dir):
    return load_file(run_dir / "model.safetensors")


def history(run_dir):
    return json.loads((run_dir / "metrics.json").read_text())["history"]


@pytest.mark.parametrize("count", [1, 2, 7, 20])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_row_is_computed_by_one_process(monkeypatch, count, processes):
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    rows = []
    for rank in range(processes):
        monkeypatch.setenv("RANK", str(rank))
        rows += range(count)[my_rows(count)]
    assert rows == list(range(count))


def test_one_process_shares_with_nobody():
    network = nn.Linear(2, 1)
    network(torch.ones(1, 2)).sum().backward()
    gradient = network.weight.grad.clone()
    sum_gradients(network)
    assert torch.equal(network.weight.grad, gradient)
    assert from_main(lambda: 5) == total(5.0) == 5
    assert join_rows([1]) == [1]


@pytest.mark.slow
def test_two_processes_train_the_same_weights_where_no_statistics_are_shared(start, alone):
    settings = ("--model", "test_vit", "--no-pretrained", "--size", "32", "--epochs", "2")
    exact = ("--set", "precision=fp32")
    one = alone(model="test_vit", pretrained=False, size=32, epochs=2, precision="fp32")
    two = start("two", *settings, *exact)
    together = weights(two)
    for name, tensor in weights(one).items():
        torch.testing.assert_close(together[name], tensor, atol=1e-3, rtol=1e-3)
    for first, second in zip(history(one), history(two), strict=True):
        assert second["train_loss"] == pytest.approx(first["train_loss"], abs=1e-4)
        assert second["val_auroc"] == pytest.approx(first["val_auroc"], abs=1e-3)


@pytest.mark.slow
def test_two_processes_reach_the_same_auc_with_batch_norm_and_resume_exactly(start, alone):
    settings = ("--size", "16", "--epochs", "4")
    one, two = alone(size=16, epochs=4), start("two", *settings)
    best = [max(epoch["val_auroc"] for epoch in history(run)) for run in (one, two)]
    assert best[1] == pytest.approx(best[0], abs=0.03)
    stopped = start("stopped", *settings, stop=True)
    assert not (stopped / "metrics.json").exists()
    resumed = start("stopped", "--resume")
    for name, tensor in weights(two).items():
        assert torch.equal(weights(resumed)[name], tensor), name
