import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from classify.config import TrainConfig
from classify.predict import load_classifier
from classify.training.train import train
from classify.trust.ood import (
    OOD_FILE,
    choose_rows,
    colourfulness,
    combine,
    fit_ood,
    load_ood,
    save_ood,
)
from medx.core.errors import CheckpointError
from medx.datasets.manifest_files import load_manifest
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.dataset import write_phantom_dataset


def fitted(seed=0, count=200):
    rng = np.random.default_rng(seed)
    parts = {
        "features": rng.normal(size=(count, 5)),
        "pixels": rng.integers(80, 180, (count, 16, 16), dtype=np.uint8),
    }
    val_pixels = rng.integers(80, 180, (count, 16, 16), dtype=np.uint8)
    target = rng.integers(0, 2, count)
    return parts, fit_ood(
        **parts, target=target, val_features=rng.normal(size=(count, 5)), val_pixels=val_pixels
    )


def test_about_one_percent_of_val_is_flagged():
    rng = np.random.default_rng(0)
    features, pixels = rng.normal(size=(800, 5)), rng.integers(0, 99, (800, 16, 16), dtype=np.uint8)
    val = {"val_features": features[400:], "val_pixels": pixels[400:]}
    ood = fit_ood(features=features[:400], pixels=pixels[:400], target=np.zeros(400, int), **val)
    assert (combine(ood.parts(*val.values())) > 1).sum() == 4


def test_either_part_alone_raises_the_score():
    parts, ood = fitted()
    usual = combine(ood.parts(parts["features"], parts["pixels"]))
    strange = combine(ood.parts(parts["features"] + 30, parts["pixels"]))
    bright = combine(ood.parts(parts["features"], parts["pixels"] + np.uint8(70)))
    assert min(strange.min(), bright.min()) > 1 > np.median(usual)


def test_what_is_stored_scores_alike(tmp_path):
    parts, ood = fitted()
    again = load_ood(tmp_path / OOD_FILE, save_ood(tmp_path / OOD_FILE, ood))
    assert combine(again.parts(**parts)).tolist() == combine(ood.parts(**parts)).tolist()


def test_another_file_is_noticed(tmp_path):
    digest = save_ood(tmp_path / OOD_FILE, fitted()[1])
    save_ood(tmp_path / OOD_FILE, fitted(1)[1])
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        load_ood(tmp_path / OOD_FILE, digest)
    (tmp_path / OOD_FILE).unlink()
    with pytest.raises(CheckpointError, match="missing"):
        load_ood(tmp_path / OOD_FILE, digest)


def test_rows_to_fit_on_are_few_sorted_and_seeded():
    assert choose_rows(5, seed=0).tolist() == [0, 1, 2, 3, 4]
    many = choose_rows(100_000, seed=3)
    assert len(many) == 20_000
    assert (np.diff(many) > 0).all()
    assert many.tolist() == choose_rows(100_000, seed=3).tolist()


def test_colour_is_told_from_a_tint():
    grey = np.full((9, 9), 120, np.uint8)
    stained = np.stack([grey + 90, grey - 60, grey + 60], axis=2)
    bluish = np.stack([grey, grey, grey + 12], axis=2)
    assert colourfulness(stained) > 1 > colourfulness(bluish) > colourfulness(grey) == 0


@pytest.fixture(scope="module")
def phantom_classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(PhantomConfig(count=260, size=32, seed=0), folder / "data", workers=1)
    dataset = load_manifest(folder / "data")
    train(TrainConfig(epochs=2, size=32, device="cpu"), folder / "run", dataset)
    torch.manual_seed(0)
    return load_classifier(folder / "run", "cpu"), dataset.split("test").load_pixels(32).pixels


@pytest.mark.parametrize("kind", ["noise", "text", "inverted"])
def test_phantoms_are_told_from_other_pictures(phantom_classifier, kind):
    classifier, known = phantom_classifier
    rng = np.random.default_rng(0)
    others = {
        "noise": rng.integers(0, 256, known.shape, dtype=np.uint8),
        "inverted": 255 - known,
        "text": np.where(rng.random((len(known), 32, 16)) < 0.3, 60, 250)
        .repeat(2, axis=2)
        .astype(np.uint8),
    }
    others["text"][:, 1::2] = 255
    inside, outside = (combine(classifier.ood_parts(p)) for p in (known, others[kind]))
    positive = np.append(np.zeros(len(inside), bool), np.ones(len(outside), bool))
    assert roc_auc_score(positive, np.append(inside, outside)) >= 0.99
