import shutil

import numpy as np
import pytest

from classify.evaluation.evaluate import evaluate
from classify.predict import load_classifier
from classify.trust.measure import Judged, measure_trust, shift_of
from classify.trust.operating_points import apply_operating_point
from medx.core.bootstrap import Bootstrap
from medx.core.errors import InputError


def judge(classifier, part):
    pixels = part.load_pixels(classifier.size).pixels
    probs = classifier.probabilities(pixels)
    return Judged(
        ids=[record.id for record in part.records],
        target=part.targets(),
        probs=probs,
        predicted=apply_operating_point(probs, classifier.description.operating_point),
        ood_parts=classifier.ood_parts(pixels),
    )


@pytest.mark.parametrize("method", [None, "em", "bbse"])
def test_everything_is_measured_and_shift_only_when_asked(binary_run, binary, tmp_path, method):
    classifier = load_classifier(binary_run, "cpu", level=0.9)
    judged = judge(classifier, binary.split("test"))
    report = measure_trust(classifier, judged, Bootstrap(), tmp_path, label_shift=method)
    assert report.conformal.level == 0.9
    assert report.conformal.calibrated_on == 60
    assert report.ood.flagged.estimate < 0.5
    assert (tmp_path / report.figures[0]).is_file()
    assert (report.label_shift is None) == (method is None)
    if report.label_shift:
        assert report.label_shift.shift.method == method
        assert sum(report.label_shift.shift.estimated_prior.values()) == pytest.approx(1)


def test_em_on_uncalibrated_probabilities_is_warned_of(binary_run, binary, capsys):
    classifier = load_classifier(binary_run, "cpu")
    probs = judge(classifier, binary.split("val")).probs
    shift_of(classifier, probs, "em")
    assert "never calibrated" not in capsys.readouterr().err
    about = classifier.description
    classifier.description = about.model_copy(update={"calibration_method": "none"})
    shift_of(classifier, probs, "bbse")
    assert "never calibrated" not in capsys.readouterr().err
    shift_of(classifier, probs, "em")
    assert "never calibrated" in capsys.readouterr().err


def test_many_classes_are_measured_too(multiclass_run, multiclass, tmp_path):
    classifier = load_classifier(multiclass_run, "cpu")
    judged = judge(classifier, multiclass.split("val"))
    report = measure_trust(classifier, judged, Bootstrap(), tmp_path, label_shift="em")
    assert set(report.conformal.class_coverage) == set(multiclass.classes)
    assert len(report.conformal.sizes) == 4


@pytest.fixture
def run_dir(binary_run, tmp_path):
    """A copy: an evaluation adds to the run's card and ledger."""
    return shutil.copytree(binary_run, tmp_path / "run")


def test_an_evaluation_carries_it_and_stays_as_it_was(run_dir, binary, tmp_path):
    plain = evaluate(run_dir, binary, "val", output_dir=tmp_path / "a", resamples=20)
    shifted = evaluate(
        run_dir, binary, "val", output_dir=tmp_path / "b", resamples=20, label_shift="em"
    )
    assert shifted.metrics == plain.metrics
    assert plain.trust.label_shift is None
    corrected = shifted.trust.label_shift
    assert corrected.shift.n == 60
    assert corrected.plain_accuracy == plain.metrics["accuracy"]
    assert corrected.plain_balanced_accuracy == plain.metrics["balanced_accuracy"]
    assert corrected.balanced_accuracy.low <= corrected.balanced_accuracy.estimate
    page = (tmp_path / "b" / "index.html").read_text()
    for shown in (corrected.balanced_accuracy, shifted.trust.conformal.single):
        assert f"<td>{shown}</td>" in page
    assert "figures/risk_coverage.png" in plain.figures


def test_another_operating_point_is_used_and_named(run_dir, binary, tmp_path):
    found = evaluate(
        run_dir,
        binary,
        "val",
        output_dir=tmp_path / "a",
        resamples=20,
        operating_point="sensitivity>=0.7",
    )
    assert found.operating_point_rule == "sensitivity>=0.7"
    assert found.metrics["sensitivity"].estimate >= 0.7


def test_stored_rules_and_thresholds_are_taken_as_they_are(binary_run):
    classifier = load_classifier(binary_run, "cpu")
    stored = classifier.description.operating_points
    at = classifier.decide_by("cost=5").description
    assert (at.operating_point, at.operating_point_rule) == (stored["cost=5"], "cost=5")
    given = load_classifier(binary_run, "cpu", operating_point="0.25").description
    assert (given.operating_point, given.operating_point_rule) == (0.25, "given")
    assert classifier.description.operating_point_rule == "balanced_accuracy"


def test_a_threshold_is_for_two_classes(multiclass_run):
    with pytest.raises(InputError, match="an operating point is for two classes"):
        load_classifier(multiclass_run, "cpu", operating_point="f1")


def test_a_range_of_thresholds_holds_the_chosen_one(binary_run):
    about = load_classifier(binary_run, "cpu").description
    for rule, threshold in about.operating_points.items():
        low, high = about.operating_point_ranges[rule]
        assert low <= threshold <= high or np.isclose(low, high), rule
