"""``medx classify export``, ``card`` and ``sweep`` as a user types them."""

import json
import sys
from pathlib import Path

import pytest

QUICK = ("--set", "epochs=1", "--set", "batch_size=20", "--device", "cpu")


@pytest.fixture
def trained(cli, two_class):
    """A quick run of the two-class dataset, made by the command."""
    given = ("--dataset", two_class, "--size", 16, *QUICK, "--name", "quick")
    assert cli("classify", "train", *given).exit_code == 0


def test_export_compares_on_val_and_describes_the_file(cli, trained, two_class, tmp_path):
    result = cli("classify", "export", "--dataset", two_class, "--format", "pt2", "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "22 generated images and 60 val images" in result.stdout
    assert "not for clinical use" in result.stdout
    about = json.loads((tmp_path / "out" / "export.json").read_text())
    assert about["classifier"] == "quick"
    assert (tmp_path / "out" / "config.yaml").is_file()


def test_an_export_without_its_dataset_says_what_it_compared_on(cli, trained, two_class):
    given = ("--run", "quick", "--dataset", "nowhere/gone", "--format", "pt2", "--json")
    result = cli("classify", "export", *given)
    assert result.exit_code == 0, result.stderr
    assert list(result.json["parity"]["images"]) == ["generated"]
    assert "compared on generated pixels alone" in result.stderr


def test_torchscript_is_refused_in_one_line(cli, trained, two_class):
    result = cli("classify", "export", "--dataset", two_class, "--format", "torchscript")
    assert result.exit_code == 1
    assert "--format pt2" in result.stderr


def test_a_missing_package_is_said_before_the_run_is_looked_for(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    for command, extra in (("export", "export"), ("explain", "explain")):
        result = cli("classify", command, "--run", "no such run")
        assert result.exit_code == 1
        assert f"pip install 'medx[{extra}]'" in result.stderr


def test_a_card_is_written_beside_the_model(cli, trained, two_class):
    result = cli("classify", "card", "--dataset", two_class)
    assert result.exit_code == 0, result.stderr
    assert "0 looks at a test split" in result.stdout
    assert "missing: evaluations" in result.stdout
    assert cli("classify", "card", "--run", "quick", "--json").json["name"] == "quick"


def test_a_sweep_ends_in_a_recipe_that_train_takes(cli, two_class, tmp_path):
    grid = ("--grid", "focal_gamma=0,1", "--dataset", two_class, "--set", "size=16", *QUICK)
    swept = cli("classify", "sweep", *grid, "--name", "s", "--json")
    assert swept.exit_code == 0, swept.stderr
    again = cli("classify", "sweep", *grid, "--name", "s", "--resume")
    assert again.exit_code == 0, again.stderr
    assert "is optimistic; test was not read" in again.stdout
    recipe = swept.json["recipe"]
    assert Path(recipe).is_file()
    trained = cli("classify", "train", "--recipe", recipe, "--dataset", two_class, "--json")
    assert trained.exit_code == 0, trained.stderr
    assert trained.json["recipe"] == "best"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to try"),
        (("--grid", "epoch=1"), "did you mean 'epochs'"),
        (("--grid", "epochs=1", "--select", "accuracy"), "unknown selection"),
        (("--grid", "epochs=1", "--resume"), "which sweep?"),
        (("--grid", "epochs=0"), "epochs must be an integer >= 1"),
    ],
)
def test_mistakes_in_a_sweep_are_answered_in_one_line(cli, two_class, arguments, said):
    result = cli("classify", "sweep", *arguments, "--dataset", two_class)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
