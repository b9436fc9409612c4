import csv
import json
import weakref
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PILImage
from test_core.dicom_files import write_dicom

from classify.predict import load_classifier
from classify.predict_images import predict_dataset, predict_paths
from classify.predict_names import name_files
from classify.prediction_files import predictions_csv, save_predictions
from classify.results import PredictionSet
from classify.trust.operating_points import apply_operating_point
from medx.core.errors import CheckpointError, InputError
from medx.core.images import image_from_array
from medx.datasets.manifest import Dataset, Record


@pytest.fixture(scope="module")
def classifier(binary_run):
    return load_classifier(binary_run, "cpu", batch_size=7)


@pytest.fixture(scope="module")
def pixels(binary):
    return binary.split("val").load_pixels(16).pixels


def test_probabilities_are_calibrated_logits(classifier, pixels):
    probs = classifier.probabilities(pixels)
    about = classifier.description
    scaled = np.exp(classifier.logits(pixels) / about.temperature + np.array(about.bias))
    np.testing.assert_allclose(probs, scaled / scaled.sum(axis=1, keepdims=True), rtol=1e-4)
    assert probs.dtype == np.float32


def test_batches_do_not_change_the_answer(classifier, binary_run, pixels):
    at_once = load_classifier(binary_run, "cpu", batch_size=1000)
    np.testing.assert_allclose(
        classifier.logits(pixels), at_once.logits(pixels), rtol=1e-4, atol=1e-5
    )


def test_features_are_what_the_head_reads(classifier, pixels):
    assert classifier.features(pixels).shape == (60, classifier.network.num_features)


def test_labels_follow_the_operating_point(classifier, pixels):
    ids = [str(i) for i in range(len(pixels))]
    predictions = classifier.predict(ids, pixels)
    point = classifier.description.operating_point
    expected = apply_operating_point(classifier.probabilities(pixels), point)
    assert [p.label for p in predictions] == [classifier.classes[i] for i in expected]
    assert {p.operating_point for p in predictions} == {point}
    assert sum(predictions[0].probabilities.values()) == pytest.approx(1.0)


def test_most_probable_class_of_many(multiclass_run, multiclass):
    classifier = load_classifier(multiclass_run, "cpu")
    found = predict_dataset(classifier, multiclass.split("val"), "val")
    for prediction in found.predictions:
        assert prediction.probability == max(prediction.probabilities.values())
        assert prediction.operating_point is None


def test_any_size_and_colour_is_fitted(classifier):
    shapes = [(16, 16), (50, 40), (33, 33, 3)]
    images = [np.full(shape, 90, np.uint8) for shape in shapes]
    assert len(classifier.predict(["a", "b", "c"], images)) == 3
    assert classifier.predict([], []) == []


def test_callers_mistakes_are_value_errors(classifier, pixels):
    with pytest.raises(ValueError, match="one name an image, got 1 and 60"):
        classifier.predict(["a"], pixels)
    with pytest.raises(ValueError, match=r"uint8 of shape \(N, 16, 16\), N >= 1"):
        classifier.probabilities(pixels.astype(np.float32))
    with pytest.raises(ValueError, match="N >= 1"):
        classifier.probabilities(pixels[:0])


def test_labels_of_the_dataset_are_not_read(classifier, binary):
    part = binary.split("test")
    blind = replace(part, records=tuple(replace(r, label=None) for r in part.records))
    assert predict_dataset(classifier, part, "x") == predict_dataset(classifier, blind, "x")


def test_a_folder_is_predicted_and_bad_files_are_listed(classifier, pixels, tmp_path):
    (tmp_path / "deep").mkdir()
    PILImage.fromarray(pixels[0]).save(tmp_path / "good.png")
    PILImage.fromarray(pixels[-1]).save(tmp_path / "deep" / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    (tmp_path / "notes.txt").write_text("not an image")
    found = predict_paths(classifier, tmp_path)
    assert [p.id for p in found.predictions] == ["deep/good.png", "good.png"]
    assert [s.id for s in found.skipped] == ["cut.png"]
    assert sum(found.counts.values()) == 2
    single = predict_paths(classifier, tmp_path / "good.png")
    assert single.predictions[0].probabilities == pytest.approx(
        found.predictions[1].probabilities, rel=1e-4
    )


def test_nothing_to_predict_is_an_error(classifier, tmp_path):
    with pytest.raises(InputError, match="no images in"):
        predict_paths(classifier, tmp_path)
    with pytest.raises(InputError, match="no such image file"):
        predict_paths(classifier, tmp_path / "gone.png")
    (tmp_path / "bad.png").write_text("not an image")
    with pytest.raises(InputError, match="cannot read"):
        predict_paths(classifier, tmp_path / "bad.png")
    with pytest.raises(InputError, match="no readable image"):
        predict_paths(classifier, tmp_path)


def test_a_set_is_written_as_csv_and_json(classifier, binary, tmp_path):
    found = predict_dataset(classifier, binary.split("val", limit=5), "binary, val")
    placed = save_predictions(found, tmp_path)
    stored = json.loads((tmp_path / "predictions.json").read_text())
    assert PredictionSet.model_validate(stored) == placed
    with (tmp_path / "predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [p.id for p in found.predictions]
    assert list(rows[0]) == [
        *("id", "label", "operating_point", "p_plain", "p_rows", "conformal_set"),
        *("conformal_level", "ood_score", "out_of_distribution", "abstain", "abstain_reasons"),
    ]


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"model.json is missing"):
        load_classifier(tmp_path)


def test_every_frame_is_predicted_when_asked(classifier, pixels, tmp_path, capsys):
    pages = [PILImage.fromarray(page) for page in pixels[:3]]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    pages[1].save(tmp_path / "one.png")
    first = predict_paths(classifier, tmp_path)
    assert [p.id for p in first.predictions] == ["one.png", "stack.tif"]
    assert first.notes == ["1 files hold several frames; the first of each was read"]
    found = predict_paths(classifier, tmp_path, frames="all")
    ids = ["one.png", *(f"stack.tif#frame={i}" for i in range(3))]
    assert [p.id for p in found.predictions] == ids
    assert found.notes == []
    assert found.predictions[2].probabilities == pytest.approx(
        found.predictions[0].probabilities, rel=1e-4
    )


def test_a_person_decides_unless_the_set_is_the_label(classifier, pixels):
    ids = [str(i) for i in range(len(pixels))]
    for prediction in classifier.predict(ids, pixels):
        clear = prediction.conformal_set == [prediction.label]
        assert prediction.abstain == (prediction.out_of_distribution or not clear)
        assert bool(prediction.abstain_reasons) == prediction.abstain


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.full((16, 16), 255, np.uint8), "unlike the training images"),
        (np.full((16, 16, 3), (200, 40, 160), np.uint8), "in colour, while"),
    ],
)
def test_other_pictures_are_flagged_with_the_reason(classifier, picture, reason):
    prediction = classifier.predict(["x"], [picture])[0]
    assert prediction.out_of_distribution
    assert prediction.ood_score > 1
    assert any(reason in text for text in prediction.abstain_reasons)


def test_label_shift_adds_columns_and_changes_no_other(classifier, binary):
    part = binary.split("test")
    plain = predict_dataset(classifier, part, "x")
    shifted = predict_dataset(classifier, part, "x", label_shift="em")
    assert plain.label_shift is None
    assert shifted.counts == plain.counts
    for before, after in zip(plain.predictions, shifted.predictions, strict=True):
        assert after.probabilities == before.probabilities
        assert sum(after.shifted_probabilities.values()) == pytest.approx(1.0)
        most = max(after.shifted_probabilities, key=after.shifted_probabilities.get)
        assert after.shifted_label == most
    assert "shifted_p_rows" in predictions_csv(shifted.predictions).splitlines()[0]


def test_only_a_batch_is_held_in_memory(classifier):
    alive, most = weakref.WeakSet(), 0

    def read(record):
        nonlocal most
        image = image_from_array(np.zeros((400, 400), np.uint8) + len(record.id) % 200)
        alive.add(image)
        most = max(most, len(alive))
        return image

    records = tuple(Record(id=str(i), path=str(i)) for i in range(300))
    endless = Dataset(
        name="many", records=records, classes=("plain", "rows"), location="", reader=read
    )
    assert len(predict_dataset(classifier, endless, "many").predictions) == 300
    assert most < 100


def test_top_classes_come_in_order(multiclass_run, pixels):
    prediction = load_classifier(multiclass_run, "cpu").predict(["a"], pixels[:1])[0]
    top = prediction.top(2)
    assert [name for name, _ in top] == sorted(
        prediction.probabilities, key=prediction.probabilities.get, reverse=True
    )[:2]


def test_a_dicom_file_without_its_preamble_is_asked_for_its_patient_too(tmp_path, pixels):
    path = tmp_path / "Doe_Jane.dcm"
    write_dicom(path, pixels[0])
    path.write_bytes(path.read_bytes()[132:])
    assert name_files(path, [path]).ids == ("file-00001.dcm",)


def test_a_path_that_names_its_patient_is_not_written_down(classifier, pixels, tmp_path, capsys):
    folder = tmp_path / "in" / "Doe_Jane"
    folder.mkdir(parents=True)
    for name, stored in (("a.dcm", pixels[0]), ("b.dcm", pixels[1])):
        write_dicom(folder / name, stored)
    (folder / "b.dcm").write_bytes((folder / "b.dcm").read_bytes()[:-100])
    PILImage.fromarray(pixels[2]).save(tmp_path / "in" / "plain.png")
    found = predict_paths(classifier, tmp_path / "in")
    assert [p.id for p in found.predictions] == ["file-00001.dcm", "plain.png"]
    assert [s.id for s in found.skipped] == ["file-00002.dcm"]
    direct = predict_paths(classifier, folder)
    everything = found.model_dump_json() + direct.model_dump_json() + capsys.readouterr().err
    assert "Doe" not in everything
    assert "named a patient" in everything
