import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PILImage

from classify.operating_points import apply_operating_point
from classify.predict import load_classifier
from classify.predict_images import predict_dataset, predict_paths
from classify.prediction_files import save_predictions
from classify.results import PredictionSet
from medx.core.errors import CheckpointError, InputError


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
