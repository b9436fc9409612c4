import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from classify.ledger import read_ledger
from classify.predict import load_classifier
from classify.robustness.config import RobustnessConfig
from classify.robustness.corruptions import CORRUPTIONS
from classify.robustness.measure import corrupted_probabilities, measure_robustness
from medx.core.errors import InputError

QUICK = RobustnessConfig(resamples=30, device="cpu", limit=24)
BLUR, NOISE = CORRUPTIONS[0], CORRUPTIONS[1]


@pytest.fixture(scope="session")
def measured(binary, binary_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("robustness")
    return measure_robustness(binary_run, binary, replace(QUICK, limit=None), folder), folder


def test_figures_agree_with_the_classifier_itself(measured, binary, binary_run):
    classifier = load_classifier(binary_run, "cpu")
    part = binary.split("val")
    pixels, target = part.load_pixels(classifier.size).pixels, part.targets()
    blurred = np.stack([BLUR.apply(image, 5, seed=0) for image in pixels])
    labels = classifier.as_predictions(
        [r.id for r in part.records], classifier.probabilities(blurred)
    )
    right = np.array([p.label for p in labels]) == np.array(part.classes)[target]
    result = measured[0]
    assert result.corruptions[0].by_severity[4]["accuracy"] == pytest.approx(right.mean())
    by_class = [right[target == c].mean() for c in range(2)]
    assert result.corruptions[0].by_severity[4]["balanced_accuracy"] == pytest.approx(
        np.mean(by_class)
    )


def test_means_and_drops_are_of_the_figures_shown(measured):
    result = measured[0]
    assert [row.name for row in result.corruptions] == [c.name for c in CORRUPTIONS]
    for metric in ("accuracy", "balanced_accuracy", "auroc"):
        table = [[f[metric] for f in row.by_severity] for row in result.corruptions]
        assert np.shape(table) == (12, 5)
        mean, clean = result.mean[metric], result.clean[metric].estimate
        assert mean.estimate == pytest.approx(np.mean(table))
        assert mean.low <= mean.estimate <= mean.high
        assert result.relative_drop[metric] == pytest.approx((clean - np.mean(table)) / clean)
        assert result.corruptions[3].mean[metric].estimate == pytest.approx(np.mean(table[3]))


def test_a_figure_and_the_result_are_written(measured):
    result, folder = measured
    assert (folder / result.figures[0]).stat().st_size > 10_000
    stored = json.loads((folder / "metrics.json").read_text())
    assert stored["disclaimer"].startswith("Research use only")
    assert stored["synthetic"]
    assert stored["split"] == "val"


def test_noise_depends_on_seed_and_place_alone(binary, binary_run):
    pixels = binary.split("val", limit=7).load_pixels(16).pixels
    one, other = (load_classifier(binary_run, "cpu", batch_size=n) for n in (7, 3))
    first = corrupted_probabilities(one, pixels, NOISE, 3, seed=1)
    again = corrupted_probabilities(other, pixels, NOISE, 3, seed=1)
    np.testing.assert_allclose(first, again, rtol=1e-3)
    reseeded = corrupted_probabilities(one, pixels, NOISE, 3, seed=2)
    assert not np.allclose(first, reseeded, rtol=1e-3, atol=0)
    np.testing.assert_array_equal(
        corrupted_probabilities(one, pixels, NOISE, 0, seed=1), one.probabilities(pixels)
    )


def test_test_images_are_noted_and_strange_classes_refused(
    binary, multiclass, binary_run, multiclass_run, tmp_path
):
    run = shutil.copytree(multiclass_run, tmp_path / "run")
    looks = len(read_ledger(run))
    config = replace(QUICK, split="test", limit=6, resamples=5)
    result = measure_robustness(run, multiclass, config, tmp_path / "out")
    assert result.notes == ["only the first 6 records were asked for"]
    assert result.test_evaluations == looks + 1
    assert len(read_ledger(run)) == looks + 1
    with pytest.raises(InputError, match="has the classes columns, but"):
        measure_robustness(binary_run, multiclass, replace(config, limit=None), tmp_path)
