import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from classify.config import TrainConfig, as_mapping
from classify.training.learner import build_learner, load_training_data
from classify.training.state import STATE_FILE
from classify.training.train import batch_size, draw_order, take_step, train
from medx.core.console import listening
from medx.core.errors import CheckpointError, InputError
from medx.core.runs import save_config
from medx.datasets.manifest_files import load_manifest

QUICK = TrainConfig(epochs=3, batch_size=20, size=16, device="cpu")


def comparable(run_dir):
    """Everything a run reports, without how long it took and where it lies."""
    metrics = json.loads((run_dir / "metrics.json").read_text())
    for name in ("run_dir", "seconds", "images_per_second"):
        metrics.pop(name)
    for epoch in metrics["history"]:
        epoch.pop("seconds")
    return metrics


def test_a_separable_dataset_is_learned(binary_run):
    metrics = comparable(binary_run)
    assert metrics["val"]["auroc"]["estimate"] > 0.99
    assert metrics["val"]["balanced_accuracy"]["estimate"] > 0.95
    assert metrics["val_at_half"].keys() == metrics["val"].keys()
    assert metrics["chance"]["accuracy"] == pytest.approx(2 / 3)
    assert metrics["initial_weights"] == "scratch"
    assert len(metrics["history"]) == metrics["epochs_run"] == 8


def test_many_classes_are_learned_with_the_same_recipe(multiclass_run):
    metrics = comparable(multiclass_run)
    assert metrics["val"]["auroc"]["estimate"] > 0.95
    assert metrics["operating_point"] is None
    assert metrics["val_at_half"] is None


def test_a_run_folder_describes_itself(binary_run):
    names = {str(path.relative_to(binary_run)) for path in binary_run.rglob("*.*")}
    assert names == {
        "MODEL_CARD.html",
        "MODEL_CARD.md",
        "config.yaml",
        "data.json",
        "environment.json",
        "figures/training_curves.png",
        "log.txt",
        "metrics.json",
        "model.json",
        "model.safetensors",
        "ood.safetensors",
        "val_logits.safetensors",
    }


def test_the_test_split_is_never_read(two_class, tmp_path):
    dataset = load_manifest(two_class)

    def read(record):
        assert record.split != "test"
        return dataset.read(record)

    result = train(replace(QUICK, epochs=1), tmp_path / "run", replace(dataset, reader=read))
    assert result.n_train == result.n_val == 60


def test_the_same_seed_gives_the_same_weights_and_another_does_not(two_class, tmp_path):
    dataset = load_manifest(two_class)
    config = replace(QUICK, epochs=1)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(replace(config, seed=seed), tmp_path / name, dataset)
    first, again, other = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b", "c")
    )
    assert first == again != other
    assert comparable(tmp_path / "a") == comparable(tmp_path / "b")


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "bf16"},
        {"model": "test_vit", "pretrained": False, "size": 32},
        {"loss": "cross-entropy", "class_weights": "none", "augmentation": "none"},
        {"ema_decay": 0, "horizontal_flip": True, "tta": "mirror"},
        {"balanced_sampling": False, "label_smoothing": 0.05, "mixup_alpha": 0.2},
        {"balanced_sampling": False, "logit_adjustment": 1.0, "class_weights": "class-balanced"},
        {"schedule": "cosine", "cutmix_alpha": 1.0, "augmentation": "microscopy", "keep": "last"},
    ],
)
def test_every_knob_trains(two_class, tmp_path, settings):
    config = replace(QUICK, epochs=1, limit=40, **settings)
    limited = load_manifest(two_class).where(lambda r: int(r.id[-3:]) < 20)
    result = train(config, tmp_path / "run", limited)
    assert 0 <= result.val["auroc"].estimate <= 1


@pytest.mark.parametrize(
    ("count", "given", "expected"),
    [(60, None, 16), (1218, None, 32), (4708, None, 128), (100_000, None, 128), (60, 7, 7)],
)
def test_small_datasets_take_smaller_steps(count, given, expected):
    assert batch_size(TrainConfig(batch_size=given), range(count)) == expected


def test_an_epoch_draws_every_class_equally_often_or_every_row_once():
    target = torch.tensor([0] * 100 + [1] * 900)
    assert torch.equal(draw_order(target, balanced=False).sort().values, torch.arange(1000))
    drawn = target[draw_order(target, balanced=True)]
    assert len(drawn) == 1000
    assert 400 < int((drawn == 1).sum()) < 600


def test_a_batch_in_parts_has_the_gradient_of_the_whole(two_class):
    exact = {"pretrained": False, "precision": "fp32"}
    config = replace(QUICK, model="test_vit", size=32, **exact)  # no batch norm
    data = load_training_data(config, load_manifest(two_class))
    found = []
    for parts in (1, 3):
        torch.manual_seed(0)
        learner = build_learner(config, data)
        inputs = data.train.pixels[:20] / 255.0
        target = F.one_hot(data.train.target[:20], 2).float()
        loss = take_step(learner, inputs, target, parts=parts)
        found.append([loss, *(p.grad for p in learner.network.parameters())])
    for whole, summed in zip(*found, strict=True):
        torch.testing.assert_close(whole, summed)


def test_the_last_epoch_is_kept_whatever_val_says(two_class, tmp_path):
    config = replace(QUICK, epochs=4, keep="last", patience=1, learning_rate=1e-6)
    result = train(config, tmp_path / "run", load_manifest(two_class))
    assert result.best_epoch == result.epochs_run == 4
    assert not result.stopped_early


def test_patience_ends_a_training_that_gets_no_better(two_class, tmp_path):
    result = train(
        replace(QUICK, epochs=40, patience=2), tmp_path / "run", load_manifest(two_class)
    )
    assert result.stopped_early
    assert result.epochs_run == result.best_epoch + 2 < 40


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("augmentation", "interrupted; no epoch was finished yet. Start again with: "),
        ("epoch 2/3", "interrupted; finished epochs are kept in run. Go on with: "),
    ],
)
def test_an_interrupt_says_what_there_is_to_go_on_from(two_class, last, told):
    heard = []

    def stop(message):
        heard.append(message)
        if message.startswith(last):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(stop):
        train(QUICK, Path("run"), load_manifest(two_class))
    assert heard[-1] == f"{told}medx classify train --resume --output run"
    train(QUICK, Path("run"), load_manifest(two_class), resume=True)


def test_a_diverging_loss_is_an_error(two_class, tmp_path):
    with pytest.raises(InputError, match="diverged in epoch 1"):
        train(replace(QUICK, learning_rate=1e30), tmp_path / "run", load_manifest(two_class))


def test_data_that_cannot_be_used_leaves_the_name_free(two_class, tmp_path):
    unlabelled = load_manifest(two_class).split("train")
    with pytest.raises(InputError, match="no val split"):
        train(QUICK, tmp_path / "run", unlabelled)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_unreadable_images_are_counted_and_listed(two_class, tmp_path):
    dataset = load_manifest(two_class)
    lost = replace(dataset.records[0], path="images/lost.png")
    damaged = replace(dataset, records=(lost, *dataset.records[1:]))
    result = train(replace(QUICK, epochs=1), tmp_path / "run", damaged)
    assert [s.id for s in result.skipped] == [lost.id]
    assert "lost.png" in result.skipped[0].reason
    assert result.n_train == 59


def test_a_finished_run_is_not_trained_again(binary_run, binary):
    config = TrainConfig(epochs=8, batch_size=10, device="cpu")
    before = (binary_run / "model.safetensors").stat().st_mtime_ns
    result = train(config, binary_run, binary, resume=True)
    assert (binary_run / "model.safetensors").stat().st_mtime_ns == before
    assert result.epochs_run == 8
    with pytest.raises(InputError, match="cannot resume with another epochs: 8 became 9"):
        train(replace(config, epochs=9), binary_run, binary, resume=True)


@pytest.mark.parametrize("content", ["{", "{}", '{"schema_version": 0}', "[]"])
def test_a_damaged_result_is_a_clear_error(binary, tmp_path, content):
    config = replace(QUICK, epochs=1, dataset=binary.name)
    save_config(tmp_path, as_mapping(config))
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"metrics\.json is damaged"):
        train(config, tmp_path, binary, resume=True)


def test_resuming_on_other_images_of_the_same_name_is_refused(two_class, tmp_path):
    dataset = load_manifest(two_class)

    def stop(message):
        if message.startswith("epoch 1/"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(stop):
        train(QUICK, tmp_path / "run", dataset)
    first, second, *others = dataset.records
    swapped = replace(dataset, records=(replace(first, path=second.path), second, *others))
    with pytest.raises(InputError, match="are not those that"):
        train(QUICK, tmp_path / "run", swapped, resume=True)


def test_resuming_keeps_the_settings(two_class, tmp_path):
    dataset = load_manifest(two_class)
    train(replace(QUICK, epochs=1), tmp_path / "run", dataset)
    (tmp_path / "run" / "metrics.json").unlink()
    changed = replace(QUICK, epochs=1, learning_rate=0.1)
    with pytest.raises(InputError, match="cannot resume with another learning_rate"):
        train(changed, tmp_path / "run", dataset, resume=True)


def test_ctrl_c_keeps_what_was_done_and_resume_ends_as_if_it_had_not_happened(two_class, tmp_path):
    settings = ["--epochs", "6", "--batch-size", "20", "--size", "16", "--device", "cpu"]
    command = [sys.executable, "-m", "medx.cli", "classify", "train", "--dataset", str(two_class)]
    stopped = tmp_path / "stopped"
    process = subprocess.Popen(
        [*command, *settings, "--output", str(stopped)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    while not (stopped / STATE_FILE).exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert f"medx classify train --resume --output {stopped}" in said
    assert not (stopped / "metrics.json").exists()

    config = replace(QUICK, epochs=6, dataset=str(two_class))
    train(config, stopped, load_manifest(two_class), resume=True)
    train(config, tmp_path / "whole", load_manifest(two_class))
    assert comparable(stopped) == comparable(tmp_path / "whole")
    resumed, whole = (folder / "model.safetensors" for folder in (stopped, tmp_path / "whole"))
    assert resumed.read_bytes() == whole.read_bytes()
