import csv

import pytest

QUICK = ("--epochs", 1, "--batch-size", 20, "--size", 16, "--device", "cpu")


@pytest.fixture
def trained(cli, two_class):
    named = ("--dataset", two_class, "--name", "quick")
    result = cli("classify", "train", *named, *QUICK)
    assert result.exit_code == 0, result.stderr


def test_tables_and_page_say_what_was_measured(cli, trained, two_class, tmp_path):
    chosen = ("--run", "quick", "--by", "label", "--name", "seen", "--resamples", 20)
    result = cli("classify", "evaluate", *chosen)
    assert result.exit_code == 0, result.stderr
    for said in ("auroc by DeLong", "share as normal", "0.5", "brier", "index.html", "label"):
        assert said in result.stdout
    folder = tmp_path / "output" / "classify" / "evaluate" / "seen"
    assert "Research use only" in (folder / "index.html").read_text()
    with (folder / "predictions.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 60


def test_an_external_set_is_measured_on_what_it_shares(cli, trained, three_class):
    common = ("--run", "quick", "--dataset", three_class, "--resamples", 20)
    result = cli("classify", "evaluate", *common, "--json")
    assert result.exit_code == 0, result.stderr
    assert (result.json["absent"], result.json["n"]) == (["pneumonia"], 15)
    assert "warning: three has no pneumonia" in result.stderr
    mapped = cli("classify", "evaluate", *common, "--label-map", "ring=pneumonia", "--json")
    assert (mapped.json["n"], mapped.json["left_out"]) == (30, {"trophozoite": 15})


def test_an_unknown_column_is_named_before_test_is_touched(cli, trained, tmp_path):
    result = cli("classify", "evaluate", "--run", "quick", "--by", "sourc")
    assert result.exit_code == 1
    assert "did you mean 'source'" in result.stderr
    run_dir = tmp_path / "output" / "classify" / "train" / "quick"
    assert not (run_dir / "test_ledger.jsonl").exists()
    assert list((tmp_path / "output" / "classify" / "evaluate").iterdir()) == []
