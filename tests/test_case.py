from dataclasses import replace

import pytest

from classify.config import TrainConfig
from classify.train import train
from medx.case import gather_cases, report_items, sample_kinds
from medx.core.errors import InputError
from medx.datasets.catalog import load_dataset


@pytest.fixture(scope="module")
def run_dir(two_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(TrainConfig(epochs=1, dataset=str(two_class)), folder, load_dataset(str(two_class)))
    return folder


def test_neighbours_come_from_train_and_never_are_the_image_itself(two_class, run_dir):
    for split in ("train", "test"):
        cases = gather_cases(str(two_class), split=split, run_dir=run_dir, limit=6)
        assert len(cases) == 6
        for case in cases:
            assert len(case.neighbours) == 5
            assert all(hit.split == "train" for hit in case.neighbours)
            assert case.id not in {hit.id for hit in case.neighbours}
            assert case.prediction.id == case.id


def test_files_are_cases_without_a_label(two_class, run_dir, tmp_path):
    image = next((two_class / "images").glob("test-*.png"))
    (tmp_path / "junk.png").write_bytes(b"junk")
    found = gather_cases(
        str(two_class), split="test", run_dir=run_dir, paths=[image, tmp_path / "junk.png"]
    )
    assert [(case.id, case.reference_label) for case in found] == [(image.stem, None)]
    assert not found[0].synthetic
    with pytest.raises(InputError, match=r"junk\.png"):
        gather_cases(str(two_class), split="test", run_dir=run_dir, paths=[tmp_path / "junk.png"])


def test_evidence_does_not_change_with_the_reference_label(two_class, run_dir):
    cases = gather_cases(str(two_class), split="test", run_dir=run_dir, limit=4)
    kinds = sample_kinds(cases, 4, seed=0)
    lying = [replace(case, reference_label="something else") for case in cases]
    honest_items, lying_items = report_items(cases, kinds), report_items(lying, kinds)
    assert [item.evidence for item in honest_items] == [item.evidence for item in lying_items]
    assert lying_items[0].reference_label == "something else"


@pytest.mark.slow
def test_a_missing_classifier_is_trained_once_and_said(two_class, capfd):
    gather_cases(str(two_class), split="test", limit=2)
    assert "training the default recipe" in capfd.readouterr().err
    gather_cases(str(two_class), split="test", limit=2)
    assert "training the default recipe" not in capfd.readouterr().err
