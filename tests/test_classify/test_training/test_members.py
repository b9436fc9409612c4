import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

import classify.training.train as training
from classify.config import TrainConfig
from classify.data import ImageSet, load_images
from classify.evaluation.ranking import macro_auroc
from classify.inference import compute_logits
from classify.predict import load_classifier
from classify.training.members import assign_folds, member_seed
from classify.training.train import train
from medx.core.errors import InputError
from medx.datasets.manifest import Record

TINY = TrainConfig(epochs=2, batch_size=20, size=16, device="cpu", members=2)


@pytest.fixture(scope="module")
def few(binary):
    """Ten images of each class in train and in val."""
    return binary.where(lambda r: int(r.id[-3:]) < 10 and r.split != "test")


@pytest.fixture(scope="module")
def folds_run(few, tmp_path_factory):
    """A finished ensemble whose members left out one fold each."""
    run_dir = tmp_path_factory.mktemp("runs") / "folds"
    result = train(replace(TINY, train_on="folds", tta="mirror"), run_dir, few)
    return run_dir, result


def test_the_first_member_has_the_seed_of_the_run_and_no_two_share_one():
    assert [member_seed(seed, 0) for seed in range(5)] == list(range(5))
    seeds = [member_seed(seed, member) for seed in range(20) for member in range(10)]
    assert len(set(seeds)) == 200


def test_the_first_member_is_the_network_a_single_run_trains(few, tmp_path):
    train(replace(TINY, epochs=1), tmp_path / "two", few)
    train(replace(TINY, epochs=1, members=1), tmp_path / "one", few)
    two, one = load_classifier(tmp_path / "two"), load_classifier(tmp_path / "one")
    first, second = (member.state_dict() for member in two.network.members)
    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, first[name]), name
    assert not all(torch.equal(first[name], second[name]) for name in first)


def test_with_folds_every_image_is_learned_from_and_judged_once(folds_run):
    run_dir, result = folds_run
    assert (result.n_train, result.n_val) == (40, 40)
    assert [(m.n_train, m.n_val) for m in result.members] == [(20, 20), (20, 20)]
    assert "out-of-fold" in result.selection
    assert "test untouched" in result.selection
    assert [(e.member, e.epoch) for e in result.history] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert not (run_dir / "members").exists()


def test_what_is_judged_are_predictions_of_the_member_that_did_not_learn(folds_run, few):
    run_dir, result = folds_run
    classifier = load_classifier(run_dir, "cpu")
    pool = load_images(few, 16, description="")
    folds = assign_folds(pool, 2, seed=0).numpy()
    how = {"mean": classifier.mean, "std": classifier.std, "tta": "mirror", "batch_size": 40}
    each = [compute_logits(m, pool.pixels, **how) for m in classifier.network.members]
    out_of_fold = np.where((folds == 0)[:, None], each[0], each[1])
    probs = classifier.description.calibration.probabilities(out_of_fold)
    expected = macro_auroc(pool.target.numpy(), probs)
    assert result.val["auroc"].estimate == pytest.approx(expected)


def test_with_folds_val_and_ensemble_answer_on_one_scale(folds_run, few):
    run_dir, _ = folds_run
    classifier = load_classifier(run_dir, "cpu")
    answers = classifier.logits(few.split("val").load_pixels(16).pixels)
    for logits in (classifier.val.logits, answers):
        assert np.exp(logits).sum(axis=1) == pytest.approx(1.0, abs=0.1)


def test_with_folds_val_scales_a_score_of_unlike_images_that_was_not_fitted_on_it(folds_run, few):
    run_dir, _ = folds_run
    classifier = load_classifier(run_dir, "cpu")
    loaded = few.split("train").load_pixels(16)
    train = replace(few.split("train"), records=loaded.records).targets()
    means = [classifier.features(loaded.pixels[train == c]).mean(axis=0) for c in (0, 1)]
    assert classifier.ood.gaussians["features"].means == pytest.approx(np.stack(means), abs=1e-4)


def image_set(records, pixels):
    labels = sorted({r.label for r in records})
    target = torch.tensor([labels.index(r.label) for r in records])
    return ImageSet(pixels=pixels, target=target, records=tuple(records), skipped=())


def test_folds_are_alike_and_keep_patients_and_equal_pictures_together():
    records = [
        Record(id=str(i), path="", label="ab"[i % 3 == 0], group=f"p{i // 2}") for i in range(60)
    ]
    pixels = torch.randint(0, 256, (60, 1, 4, 4), dtype=torch.uint8)
    pixels[41] = pixels[7]
    folds = assign_folds(image_set(records, pixels), 3, seed=0).tolist()
    assert all(folds[i] == folds[i + 1] for i in range(0, 60, 2))
    assert folds[41] == folds[7]
    sizes = Counter(folds)
    assert set(sizes) == {0, 1, 2}
    assert max(sizes.values()) - min(sizes.values()) <= 4
    assert {(fold, r.label) for fold, r in zip(folds, records, strict=True)} == {
        (fold, label) for fold in range(3) for label in "ab"
    }


def test_more_folds_than_a_class_has_images_are_refused(few, tmp_path):
    config = replace(TINY, train_on="folds", members=30)
    with pytest.raises(InputError, match="30 folds are too many"):
        train(config, tmp_path / "run", few)


def comparable(run_dir):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    for name in ("run_dir", "seconds", "images_per_second"):
        metrics.pop(name)
    for epoch in metrics["history"]:
        epoch.pop("seconds")
    return metrics


@pytest.mark.parametrize(
    "settings",
    [
        {
            "train_on": "folds",
            "keep": "last",
            "schedule": "cosine",
            "mixup_alpha": 0.2,
            "cutmix_alpha": 1.0,
            "accumulate": 2,
            "augmentation": "microscopy",
        },
        {"model": "test_vit", "pretrained": False, "size": 32, "normalise": "image"},
    ],
)
@pytest.mark.parametrize("stop_after", [1, 3])
def test_an_ensemble_goes_on_as_if_it_had_not_been_stopped(
    few, tmp_path, monkeypatch, settings, stop_after
):
    config = replace(TINY, **settings)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(config, whole, few)

    saved = iter(range(stop_after))
    save = training.save_state

    def save_or_stop(*args):
        save(*args)
        if next(saved) == stop_after - 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_state", save_or_stop)
        with pytest.raises(KeyboardInterrupt):
            train(config, stopped, few)
    assert not (stopped / "metrics.json").exists()
    train(config, stopped, few, resume=True)
    assert comparable(stopped) == comparable(whole)
    first, second = (folder / "model.safetensors" for folder in (stopped, whole))
    assert first.read_bytes() == second.read_bytes()
