import csv

import numpy as np
import pytest
from PIL import Image as PILImage

QUICK = ("--epochs", 2, "--batch-size", 20, "--size", 16, "--device", "cpu")


@pytest.fixture
def run(cli, two_class):
    result = cli("classify", "train", "--dataset", two_class, *QUICK, "--name", "quick", "--json")
    assert result.exit_code == 0, result.stderr
    return result.json


def test_rules_sets_and_shift_reach_the_output(cli, run, two_class):
    result = cli(
        *("classify", "predict", "--dataset", two_class, "--operating-point", "sensitivity>=0.8"),
        *("--label-shift", "em", "--level", 0.8, "--json"),
    )
    assert result.exit_code == 0, result.stderr
    assert result.json["operating_point_rule"] == "sensitivity>=0.8"
    assert result.json["conformal_level"] == 0.8
    assert set(result.json["label_shift"]["estimated_prior"]) == {"normal", "pneumonia"}
    assert result.json["predictions"][0]["shifted_label"] in {"normal", "pneumonia"}


def test_the_table_says_what_to_leave_to_a_person(cli, run, two_class, tmp_path):
    white = tmp_path / "white.png"
    PILImage.fromarray(np.full((20, 20), 255, np.uint8)).save(white)
    text = cli("classify", "predict", white, "--run", "quick", "--top-k", 2).stdout
    for said in ("top 2", "95 % set", "unlike the training images", "1 to be decided by a person"):
        assert said in text


def test_a_manifest_is_read_as_a_dataset(cli, run, two_class, tmp_path):
    result = cli("classify", "predict", two_class / "manifest.csv", "--run", "quick", "--limit", 4)
    assert result.exit_code == 0, result.stderr
    with next((tmp_path / "output").rglob("predictions.csv")).open() as stream:
        assert next(row["id"] for row in csv.DictReader(stream)).startswith("train-")


def test_explaining_draws_one_overlay_an_image(cli, run, two_class, tmp_path):
    pytest.importorskip("pytorch_grad_cam")
    result = cli("classify", "predict", "--dataset", two_class, "--limit", 3, "--explain")
    assert result.exit_code == 0, result.stderr
    assert len(list((tmp_path / "output").rglob("overlays/*.png"))) == 3


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--operating-point", "luck"), "rule must be one of balanced_accuracy"),
        (("--operating-point", "1.5"), "between 0 and 1"),
        (("--label-shift", "magic"), "label_shift must be one of em, bbse"),
        (("--level", "1"), "level must be > 0 and < 1"),
        (("--frames", "last"), "frames must be one of first, all"),
    ],
)
def test_mistakes_are_answered_in_one_line(cli, run, two_class, option, said):
    result = cli("classify", "predict", "--dataset", two_class, *option)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
