import csv
import dataclasses
import inspect
import json

import pytest
from PIL import Image as PILImage

from classify.config import EvaluateConfig, PredictConfig, TrainConfig
from medx.cli import classify as commands
from medx.core.settings import output_dir

QUICK = ("--epochs", 1, "--batch-size", 20, "--size", 16, "--device", "cpu")


@pytest.fixture
def trained(cli, two_class):
    """A quick run of the two-class dataset, made by the command."""
    result = cli("classify", "train", "--dataset", two_class, *QUICK, "--name", "quick", "--json")
    assert result.exit_code == 0, result.stderr
    return result.json


@pytest.mark.parametrize(
    ("command", "config"),
    [
        (commands.train, TrainConfig),
        (commands.evaluate, EvaluateConfig),
        (commands.predict, PredictConfig),
    ],
)
def test_options_have_the_defaults_of_the_dataclass(command, config):
    fields = {field.name: field.default for field in dataclasses.fields(config)}
    options = inspect.signature(command).parameters
    # Without --recipe the images decide, which a default could not say.
    shared = (fields.keys() & options.keys()) - {"recipe"}
    assert shared >= {"dataset", "limit", "batch_size", "device"}
    for name in shared:
        default = options[name].default
        expected = None if fields[name] == () else fields[name]  # a list option has no other
        assert getattr(default, "value", default) == expected, name


def test_the_chain_from_training_to_prediction(cli, trained, two_class, tmp_path):
    evaluated = cli("classify", "evaluate", "--dataset", two_class, "--json")
    assert evaluated.exit_code == 0, evaluated.stderr
    assert evaluated.json["classifier"] == "quick"
    assert evaluated.json["test_evaluations"] == 1
    predicted = cli("classify", "predict", "--dataset", two_class, "--limit", 7, "--json")
    assert len(predicted.json["predictions"]) == 7
    assert predicted.json["operating_point"] == trained["operating_point"]
    folders = {path.name for path in (tmp_path / "output" / "classify").iterdir()}
    assert folders == {"train", "evaluate", "predict"}


def test_tables_say_what_the_figures_mean(cli, trained, two_class):
    text = cli("classify", "evaluate", "--dataset", two_class, "--resamples", 20).stdout
    for said in ("at 0.5", "chance", "balanced_accuracy", "test evaluated once", "synthetic"):
        assert said in text
    assert "Research use only" in text
    assert "Research use only" in cli("classify", "predict", "--run", "quick").stdout


def test_training_prints_val_figures_and_where_they_lie(cli, two_class):
    result = cli("classify", "train", "--dataset", two_class, *QUICK, "--name", "named")
    assert result.exit_code == 0, result.stderr
    assert "val, n = 60" in result.stdout
    assert "chance" in result.stdout
    assert "chosen on this same val split" in result.stdout
    assert "output/classify/train/named" in result.stdout
    assert "epoch 1/1" in result.stderr


def test_files_and_folders_can_be_predicted(cli, trained, two_class, tmp_path):
    images = tmp_path / "new"
    images.mkdir()
    PILImage.new("L", (40, 30), 99).save(images / "a.png")
    (images / "b.png").write_text("not an image")
    result = cli("classify", "predict", images, "--run", "quick", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "skipped b.png" in result.stdout
    with (tmp_path / "out" / "predictions.csv").open() as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == ["a.png"]
    assert json.loads((tmp_path / "out" / "predictions.json").read_text())["skipped"]


def test_settings_come_from_a_file_then_set_then_options(cli, two_class, tmp_path):
    (tmp_path / "recipe.yaml").write_text("epochs: 5\nmixup_alpha: 0\nfocal_gamma: 3\n")
    given = ("--config", tmp_path / "recipe.yaml", "--set", "focal_gamma=0.5", "--name", "mixed")
    result = cli("classify", "train", "--dataset", two_class, *QUICK, *given, "--json")
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "output" / "classify" / "train" / "mixed" / "config.yaml").read_text()
    for line in ("epochs: 1", "mixup_alpha: 0.0", "focal_gamma: 0.5", "class_weights: null"):
        assert line in text


def test_settings_start_from_the_recipe_named(cli, two_class):
    given = ("--recipe", "best", "--members", 2, "--set", "tta=none", "--json")
    result = cli("classify", "train", "--dataset", two_class, *QUICK, *given)
    assert result.exit_code == 0, result.stderr
    assert (result.json["recipe"], len(result.json["members"])) == ("best", 2)
    assert result.json["epochs_run"] == 2
    predicted = cli("classify", "evaluate", "--dataset", two_class, "--resamples", 20)
    assert predicted.exit_code == 0, predicted.stderr


def test_the_recipe_that_nobody_named_is_said(cli, trained):
    assert trained["recipe"] == "small-scratch"
    assert trained["recipe_reason"] == "images of 28 px"
    assert trained["augmentation"] == "radiograph-wide"
    assert "modality" in trained["augmentation_reason"]


def test_recipes_are_listed(cli):
    table = cli("classify", "recipes").stdout
    listed = cli("classify", "recipes", "--json").json["recipes"]
    assert {"small-scratch", "best", "transfer"} <= {recipe["name"] for recipe in listed}
    for recipe in listed:
        assert recipe["name"] in table
        assert recipe["description"] in table


def test_resume_takes_the_settings_of_the_run(cli, trained, tmp_path):
    run_dir = tmp_path / "output" / "classify" / "train" / "quick"
    (run_dir / "metrics.json").unlink()
    result = cli("classify", "train", "--resume", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.json["run_dir"] == str(run_dir)
    assert result.json["val"] == trained["val"]


def test_a_name_is_not_used_twice(cli, trained, two_class):
    result = cli("classify", "train", "--dataset", two_class, *QUICK, "--name", "quick")
    assert result.exit_code == 1
    assert "already holds a run" in result.stderr
    assert "--resume" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--model", "resnet81"), "did you mean 'resnet18'"),
        (("train", "--dataset", "pneumoniamist"), "did you mean 'pneumoniamnist'"),
        (("train", "--set", "epoch=3"), "did you mean 'epochs'"),
        (
            ("train", "--set", "learning_rate=fast"),
            "learning_rate must be of type float",
        ),
        (("train", "--precision", "fp8"), "precision must be one of fp32, bf16, fp16"),
        (("train", "--class-weights", "1,2,3"), "3 weights for 2 classes"),
        (("train", "--model", "resnet18", "--size", "32"), "--no-pretrained"),
        (("train", "--recipe", "bset"), "did you mean 'best'"),
        (("train", "--resume"), "no interrupted training"),
        (("evaluate",), "medx classify train --dataset"),
        (("predict", "--run", "nowhere"), "not a run folder"),
    ],
)
def test_mistakes_are_answered_in_one_line_with_a_way_on(cli, two_class, arguments, said):
    dataset = () if "--dataset" in arguments else ("--dataset", two_class)
    result = cli("classify", *arguments, *dataset)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert list(output_dir().glob("classify/*/*")) == []  # the name is free for another try


def test_wrong_usage_is_exit_code_two(cli):
    assert cli("classify", "train", "--epochs", 0).exit_code == 2
    assert cli("classify", "train", "--device", "abacus").exit_code == 2


def test_a_run_on_real_images_finds_its_default_dataset(cli, real_data):
    common = ("--data-dir", real_data)
    trained = cli("classify", "train", *QUICK, *common, "--limit", 60, "--json")
    assert trained.exit_code == 0, trained.stderr
    assert trained.json["dataset"] == "pneumoniamnist"
    predicted = cli("classify", "predict", real_data / "cxr", *common, "--json")
    assert len(predicted.json["predictions"]) == 3
    assert predicted.json["skipped"] == []
