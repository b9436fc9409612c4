import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from classify.config import EvaluateConfig
from classify.evaluate import evaluate
from classify.results import EvaluationResult
from medx.core.errors import CheckpointError, InputError, UnknownNameError


@pytest.fixture
def run_dir(binary_run, tmp_path):
    return shutil.copytree(binary_run, tmp_path / "run")


def rows_of(folder):
    with (folder / "predictions.csv").open() as stream:
        return list(csv.DictReader(stream))


def with_labels(dataset, label):
    return replace(dataset, records=tuple(replace(r, label=label(r)) for r in dataset.records))


def test_figures_are_those_sklearn_gets_from_the_written_predictions(run_dir, binary, tmp_path):
    muddled = with_labels(binary, lambda r: "rows" if r.id[-1] in "123" else r.label)
    result = evaluate(run_dir, muddled, "test", output_dir=tmp_path / "out", resamples=20)
    rows = rows_of(tmp_path / "out")
    target = np.array([row["target"] == "rows" for row in rows])
    probs = np.array([float(row["p_rows"]) for row in rows])
    half = result.metrics_at_half
    assert result.metrics["auroc"].estimate == pytest.approx(sk.roc_auc_score(target, probs))
    assert half["accuracy"].estimate == pytest.approx(np.mean((probs >= 0.5) == target))
    said = np.array([row["label"] == "rows" for row in rows])
    assert result.metrics["f1"].estimate == pytest.approx(sk.f1_score(target, said))
    assert result.confusion_matrix == sk.confusion_matrix(target, said).tolist()
    assert np.array_equal(said, probs >= result.operating_point)


def test_chance_and_prevalence_stand_beside_the_figures(run_dir, binary, tmp_path):
    result = evaluate(run_dir, binary, "val", output_dir=tmp_path / "out", resamples=20)
    assert result.prevalence == pytest.approx({"plain": 1 / 3, "rows": 2 / 3})
    assert result.chance == pytest.approx(
        {"auroc": 0.5, "accuracy": 2 / 3, "balanced_accuracy": 0.5}
    )
    assert (result.n, result.split, result.positive) == (60, "val", "rows")


def test_each_look_at_test_is_counted_and_val_is_free(run_dir, binary, tmp_path):
    def look(split, name):
        return evaluate(run_dir, binary, split, output_dir=tmp_path / name, resamples=5)

    assert look("val", "a").selection == "selected on val; test evaluated 0 times"
    assert look("test", "b").selection == "selected on val; test evaluated once"
    assert look("all", "c").test_evaluations == 2
    ledger = (run_dir / "test_ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["split"] for line in ledger] == ["test", "all"]


def test_the_folder_holds_what_the_result_says(run_dir, binary, tmp_path):
    muddled = with_labels(binary, lambda r: "rows" if r.id[-1] == "1" else r.label)
    result = evaluate(run_dir, muddled, output_dir=tmp_path / "out", resamples=5)
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert EvaluationResult.model_validate(stored) == result
    assert set(result.figures) == {
        "figures/confusion_matrix.png",
        "figures/roc.png",
        "figures/failures.png",
    }
    assert all((tmp_path / "out" / name).stat().st_size > 1000 for name in result.figures)
    assert "Research use only" in result.disclaimer


def test_many_classes_are_measured_one_against_the_rest(multiclass_run, multiclass, tmp_path):
    result = evaluate(multiclass_run, multiclass, "val", output_dir=tmp_path / "out", resamples=5)
    assert result.metrics_at_half is None
    assert result.operating_point is None
    assert list(result.by_class) == ["plain", "rows", "columns"]
    rows = rows_of(tmp_path / "out")
    target = np.array([row["target"] == "columns" for row in rows])
    probs = np.array([float(row["p_columns"]) for row in rows])
    found = result.by_class["columns"]["auroc"].estimate
    assert found == pytest.approx(sk.roc_auc_score(target, probs))


def test_a_faultless_split_has_no_failures_to_show(run_dir, binary, tmp_path):
    easy = binary.where(lambda r: r.split == "val")
    first = evaluate(run_dir, easy, "val", output_dir=tmp_path / "a", resamples=5)
    labels = {row["id"]: row["label"] for row in rows_of(tmp_path / "a")}
    agreed = with_labels(easy, lambda r: labels[r.id])
    result = evaluate(run_dir, agreed, "val", output_dir=tmp_path / "b", resamples=5)
    assert result.metrics["accuracy"].estimate == 1.0
    assert "figures/failures.png" not in result.figures
    assert first.n == result.n


def test_one_class_in_a_split_leaves_auc_open(run_dir, binary, tmp_path):
    only = binary.where(lambda r: r.label == "rows")
    result = evaluate(run_dir, only, "val", output_dir=tmp_path / "out", resamples=5)
    assert result.metrics["auroc"] is None
    assert result.metrics["sensitivity"] is not None
    assert "figures/roc.png" not in result.figures
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["metrics"]["auroc"] is None


def test_patients_are_the_unit_where_they_are_named(run_dir, binary, tmp_path):
    grouped = replace(binary, records=tuple(replace(r, group=r.id[:-1]) for r in binary.records))
    result = evaluate(run_dir, grouped, "val", output_dir=tmp_path / "out", resamples=5)
    assert result.bootstrap_unit == "patient"


def test_unreadable_images_are_left_out_and_listed(run_dir, binary, tmp_path):
    def read(record):
        if record.id == "val-rows-003":
            raise InputError("cannot read it")
        return binary.read(record)

    damaged = replace(binary, reader=read)
    result = evaluate(run_dir, damaged, "val", output_dir=tmp_path / "out", resamples=5)
    assert result.n == len(rows_of(tmp_path / "out")) == 59
    assert [(s.id, s.reason) for s in result.skipped] == [("val-rows-003", "cannot read it")]


def test_what_cannot_be_evaluated_is_said_before_test_is_touched(run_dir, binary, multiclass):
    with pytest.raises(InputError, match="was trained on plain, rows"):
        evaluate(run_dir, multiclass)
    with pytest.raises(InputError, match="has a label"):
        evaluate(run_dir, with_labels(binary, lambda r: None))
    with pytest.raises(InputError, match="differ in grey and colour"):
        evaluate(run_dir, replace(binary, colour=True))
    with pytest.raises(UnknownNameError, match="split of binary 'tset'"):
        evaluate(run_dir, binary, "tset")
    assert not (run_dir / "test_ledger.jsonl").exists()


def test_an_unfinished_run_cannot_be_evaluated(run_dir, binary):
    (run_dir / "model.json").unlink()
    with pytest.raises(CheckpointError, match="did not finish"):
        evaluate(run_dir, binary)


def test_settings_of_an_evaluation_are_stored_with_it(run_dir, binary, tmp_path):
    evaluate(run_dir, binary, "val", output_dir=tmp_path / "out", limit=30, seed=3, resamples=5)
    text = (tmp_path / "out" / "config.yaml").read_text()
    assert "limit: 30" in text
    assert "seed: 3" in text
    assert EvaluateConfig().split == "test"
