import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from test_datasets.dicom_files import write_dicom

from medx.case.evidence import report_items
from medx.case.heatmaps import draw_heatmaps
from medx.case.input import named_image
from medx.case.names import name_images
from medx.case.neighbours import add_neighbours
from medx.case.predicting import ensure_classifier, predict_images
from medx.case.report_input import ReportInput, find_inputs
from medx.case.report_stream import stream_items
from medx.core.errors import InputError
from medx.datasets.catalog import load_dataset


@pytest.fixture
def gallery(bench):
    return bench.gallery


@pytest.fixture
def predict(bench):
    """Return cases of the first images of a split."""

    def run(*, split="test", limit):
        part = bench.dataset.split(split, limit=limit)
        read = [(record, part.read(record)) for record in part.records]
        return predict_images(bench.classifier, bench.dataset, read, from_file=False)

    return run


@pytest.mark.parametrize("split", ["train", "test"])
def test_neighbours_come_from_train_and_never_are_the_image(predict, gallery, split):
    cases = add_neighbours(predict(split=split, limit=6), gallery)
    assert len(cases) == 6
    for case in cases:
        assert len(case.neighbours) == 5
        assert all(hit.split == "train" for hit in case.neighbours)
        assert case.id not in {hit.id for hit in case.neighbours}
        assert case.prediction.id == case.id


@pytest.mark.parametrize("name", [None, "renamed.png"])
def test_a_copy_of_a_train_image_does_not_find_itself(two_class, bench, gallery, tmp_path, name):
    original = next((two_class / "images").glob("train-*.png"))
    copied = shutil.copy(original, tmp_path / (name or original.name))
    read = [named_image(Path(copied))]
    cases = predict_images(bench.classifier, bench.dataset, read, from_file=True)
    (case,) = add_neighbours(cases, gallery)
    assert original.stem not in {hit.id for hit in case.neighbours}
    assert len(case.neighbours) == 5
    report_items([case])


def test_files_are_cases_without_a_label(two_class, bench, tmp_path):
    image = next((two_class / "images").glob("test-*.png"))
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"junk")
    skipped, item = stream_items(find_inputs([image, junk], bench.dataset), bench)
    evidence = item.evidence
    assert (evidence.image_id, item.reference_label) == (image.stem, None)
    assert evidence.synthetic is False
    assert "may differ" in evidence.notes[0]
    assert skipped.image_id == "junk"
    with pytest.raises(InputError, match=r"junk\.png"):
        named_image(junk)


def test_evidence_does_not_change_with_the_reference_label(predict, gallery):
    cases = add_neighbours(predict(limit=4), gallery)
    lying = [replace(case, reference_label="something else") for case in cases]
    honest_items, lying_items = report_items(cases), report_items(lying)
    assert [item.evidence for item in honest_items] == [item.evidence for item in lying_items]
    assert lying_items[0].reference_label == "something else"


def test_evidence_says_the_heat_map_and_the_index(predict, bench, gallery):
    cases, reason = draw_heatmaps(bench.classifier, add_neighbours(predict(limit=3), gallery))
    assert reason is None
    for case, item in zip(cases, report_items(cases), strict=True):
        fact = item.evidence.heatmap
        assert case.heatmap is not None
        assert fact is None or (fact.label, fact.zone) == (case.prediction.label, case.heatmap.zone)
        assert item.evidence.prediction.conformal_set is not None
        assert item.evidence.prediction.out_of_distribution is not None
        assert item.evidence.index == f"two ({gallery.index.description.encoder})"
    assert any(item.evidence.heatmap for item in report_items(cases))


def test_without_grad_cam_there_is_a_note_instead(bench, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    given = ReportInput(dataset=bench.dataset.split("test", limit=1), from_file=False)
    (item,) = stream_items([given], bench)
    assert item.heatmap is None
    assert "no heat-maps: 'explain' needs packages" in capfd.readouterr().err


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
    dataset = load_dataset(str(two_class))
    ensure_classifier(dataset, str(two_class))
    assert "training the default recipe" in capfd.readouterr().err
    ensure_classifier(dataset, str(two_class))
    assert "training the default recipe" not in capfd.readouterr().err
