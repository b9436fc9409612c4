import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from classify.config import TrainConfig
from classify.training.train import train
from medx.case import add_neighbours, choose_cases, predict_cases, report_items
from medx.core.errors import InputError
from medx.datasets.catalog import load_dataset
from retrieval.build import build_index
from retrieval.config import GalleryConfig
from retrieval.encoders.compact import CompactEncoder
from retrieval.gallery import open_gallery


@pytest.fixture(scope="module")
def run_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(TrainConfig(epochs=1, dataset=str(two_class)), folder, load_dataset(str(two_class)))
    return folder


@pytest.fixture(scope="module")
def gallery(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "two"
    build_index(load_dataset(str(two_class)), CompactEncoder(), folder)
    return open_gallery(GalleryConfig(index=str(folder)))


def predict(two_class, run_dir, **how):
    return predict_cases(str(two_class), **{"split": "test", "run_dir": run_dir, **how})


@pytest.mark.parametrize("split", ["train", "test"])
def test_neighbours_come_from_train_and_never_are_the_image(two_class, run_dir, gallery, split):
    cases = add_neighbours(predict(two_class, run_dir, split=split, limit=6), gallery)
    assert len(cases) == 6
    for case in cases:
        assert len(case.neighbours) == 5
        assert all(hit.split == "train" for hit in case.neighbours)
        assert case.id not in {hit.id for hit in case.neighbours}
        assert case.prediction.id == case.id


@pytest.mark.parametrize("name", [None, "renamed.png"])
def test_a_copy_of_a_train_image_does_not_find_itself(two_class, run_dir, gallery, tmp_path, name):
    original = next((two_class / "images").glob("train-*.png"))
    copied = shutil.copy(original, tmp_path / (name or original.name))
    (case,) = add_neighbours(predict(two_class, run_dir, paths=[Path(copied)]), gallery)
    assert original.stem not in {hit.id for hit in case.neighbours}
    assert len(case.neighbours) == 5
    report_items([case])


def test_files_are_cases_without_a_label(two_class, run_dir, tmp_path):
    image = next((two_class / "images").glob("test-*.png"))
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"junk")
    (case,) = predict(two_class, run_dir, paths=[image, junk])
    assert (case.id, case.reference_label, case.synthetic) == (image.stem, None, False)
    assert "may differ" in report_items([case])[0].evidence.notes[0]
    with pytest.raises(InputError, match=r"junk\.png"):
        predict(two_class, run_dir, paths=[junk])


def test_evidence_does_not_change_with_the_reference_label(two_class, run_dir, gallery):
    cases = choose_cases(predict(two_class, run_dir, limit=4), 4, seed=0)
    cases = add_neighbours(cases, gallery)
    lying = [replace(case, reference_label="something else") for case in cases]
    honest_items, lying_items = report_items(cases), report_items(lying)
    assert [item.evidence for item in honest_items] == [item.evidence for item in lying_items]
    assert lying_items[0].reference_label == "something else"


@pytest.mark.slow
def test_a_missing_classifier_is_trained_once_and_said(two_class, capfd):
    predict_cases(str(two_class), split="test", limit=2)
    assert "training the default recipe" in capfd.readouterr().err
    predict_cases(str(two_class), split="test", limit=2)
    assert "training the default recipe" not in capfd.readouterr().err
