import dataclasses
import inspect

import pytest
from PIL import Image as PILImage
from test_classify.squares import make_squares

from classify.explanation.config import ExplainConfig
from classify.robustness.config import RobustnessConfig
from medx.cli.classify_explain import explain
from medx.cli.classify_robustness import robustness
from medx.datasets.manifest_files import save_dataset

QUICK = ("--epochs", 1, "--batch-size", 20, "--device", "cpu")


@pytest.fixture(scope="session")
def squares_folder(tmp_path_factory):
    """The squares as files, ten of each class in a split."""
    folder = tmp_path_factory.mktemp("data") / "squares"
    dataset = make_squares(10)
    (folder / "images").mkdir(parents=True)
    records = []
    for record in dataset.records:
        path = f"images/{record.id}.png"
        PILImage.fromarray(dataset.read(record).pixels).save(folder / path)
        records.append(dataclasses.replace(record, path=path))
    save_dataset(dataclasses.replace(dataset, records=tuple(records)), folder)
    return folder


@pytest.fixture
def trained(cli, squares_folder):
    result = cli("classify", "train", "--dataset", squares_folder, *QUICK, "--name", "quick")
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("command", "config"), [(explain, ExplainConfig), (robustness, RobustnessConfig)]
)
def test_options_are_the_fields_of_the_config(command, config):
    options = inspect.signature(command).parameters
    for field in dataclasses.fields(config):
        default = options[field.name].default
        assert getattr(default, "value", default) == field.default, field.name


def test_a_split_is_explained_against_boxes_and_random_weights(cli, trained, tmp_path):
    given = ("--run", "quick", "--sanity", "--resamples", 20, "--output", tmp_path / "out")
    result = cli("classify", "explain", *given)
    assert result.exit_code == 0, result.stderr
    for said in (
        "pointing game",
        "chance",
        "synthetic",
        "val",
        "sanity check",
        "Research use only",
    ):
        assert said in result.stdout
    assert (tmp_path / "out" / "index.html").is_file()


def test_files_are_explained_and_json_is_the_result(cli, trained, squares_folder, tmp_path):
    images = squares_folder / "images"
    given = ("--run", "quick", "--method", "layercam", "--limit", 3, "--json")
    result = cli("classify", "explain", images, *given)
    assert result.exit_code == 0, result.stderr
    assert len(result.json["images"]) == 3
    assert result.json["method"] == "layercam"
    table = cli("classify", "explain", images / "val-001.png", "--run", "quick").stdout
    assert "evidence for" in table


def test_robustness_shows_severities_and_what_is_lost(cli, trained):
    given = ("--run", "quick", "--limit", 6, "--resamples", 5)
    result = cli("classify", "robustness", *given)
    assert result.exit_code == 0, result.stderr
    for said in ("down-sampling", "lost of clean", "chance", "synthetic", "Research use only"):
        assert said in result.stdout
    figures = cli("classify", "robustness", *given, "--split", "test", "--json").json
    assert len(figures["corruptions"]) == 12
    assert figures["test_evaluations"] == 1


BAD = {
    ("--method", "gradcan"): "method must be one of gradcam",
    ("--target", "circle"): "unknown class 'circle'",
    ("--set", "per_outcome=0"): "per_outcome must be an integer >= 1",
    ("missing.png",): "no such image file",
}


def test_bad_settings_are_one_clear_line(cli, trained):
    for arguments, said in BAD.items():
        result = cli("classify", "explain", "--run", "quick", *arguments)
        assert result.exit_code == 1
        assert said in result.stderr
