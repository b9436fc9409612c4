import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_datasets.dicom_files import write_dicom

from medx.case.evidence import report_items
from medx.case.heatmaps import add_heatmaps
from medx.case.names import name_images
from medx.case.neighbours import add_neighbours, relatives_of
from medx.case.predicting import choose_cases, predict_cases
from medx.core.errors import InputError
from retrieval.config import GalleryConfig
from retrieval.gallery import open_gallery


@pytest.fixture(scope="module")
def gallery(index_dir):
    return open_gallery(GalleryConfig(index=str(index_dir)))


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


def test_evidence_says_the_heat_map_and_the_index(two_class, run_dir, gallery):
    cases = add_heatmaps(add_neighbours(predict(two_class, run_dir, limit=3), gallery))
    for case, item in zip(cases, report_items(cases), strict=True):
        fact = item.evidence.heatmap
        assert case.heatmap is not None
        assert fact is None or (fact.label, fact.zone) == (case.prediction.label, case.heatmap.zone)
        assert item.evidence.prediction.conformal_set is not None
        assert item.evidence.prediction.out_of_distribution is not None
        assert item.evidence.index == f"two ({gallery.index.description.encoder})"
    assert any(item.evidence.heatmap for item in report_items(cases))


def test_without_grad_cam_there_is_a_note_instead(two_class, run_dir, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    (case,) = add_heatmaps(predict(two_class, run_dir, limit=1))
    assert case.heatmap is None
    assert "no heat-maps: 'explain' needs packages" in capfd.readouterr().err


def test_relatives_at_hand_change_nothing(two_class, run_dir, gallery):
    cases = predict(two_class, run_dir, limit=3)
    known = relatives_of(gallery)
    assert [c.neighbours for c in add_neighbours(cases, gallery, known=known)] == [
        c.neighbours for c in add_neighbours(cases, gallery)
    ]


def test_names_of_files_name_no_patient_and_differ(tmp_path):
    paths = []
    for folder, name in (("a", "film.png"), ("b", "film.png"), ("c", "other.png")):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / name)
        paths[-1].write_bytes(b"")
    paths.append(tmp_path / "Doe_Jane.dcm")
    write_dicom(paths[-1], PatientName="Doe^Jane")
    names = name_images(paths)
    assert names == ["film-1", "film-2", "other", "image-4"]


@pytest.mark.slow
def test_a_missing_classifier_is_trained_once_and_said(two_class, capfd):
    predict_cases(str(two_class), split="test", limit=2)
    assert "training the default recipe" in capfd.readouterr().err
    predict_cases(str(two_class), split="test", limit=2)
    assert "training the default recipe" not in capfd.readouterr().err
