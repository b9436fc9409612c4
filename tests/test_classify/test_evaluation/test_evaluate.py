import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from classify.config import EvaluateConfig
from classify.evaluation.evaluate import evaluate
from classify.evaluation.page import TITLES
from classify.results import EvaluationResult
from medx.cli.evaluation_tables import print_evaluation
from medx.core.errors import CheckpointError, InputError, UnknownNameError
from medx.core.images import image_from_array


@pytest.fixture
def run_dir(binary_run, tmp_path):
    return shutil.copytree(binary_run, tmp_path / "run")


@pytest.fixture(scope="module")
def on_val(binary_run, binary, tmp_path_factory):
    """A plain evaluation of val."""
    folder = tmp_path_factory.mktemp("evaluated")
    run = shutil.copytree(binary_run, folder / "run")  # its card would tell other tests of this one
    return evaluate(run, binary, "val", output_dir=folder / "out", resamples=5)


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


def test_the_confusion_of_many_long_names_fits_a_terminal(on_val, capsys):
    names = ["interstitial lung disease", *(f"finding number {i}" for i in range(2, 8))]
    counts = [[1000 * (i == j) + i + 10 * j for j in range(7)] for i in range(7)]
    shares = [[n / sum(row) for n in row] for row in counts]
    shown = {"classes": names, "confusion_matrix": counts, "confusion_shares": shares}
    print_evaluation(on_val.model_copy(update=shown))
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.strip().startswith("1 interstitial lung dis")]
    assert [row[4:] for row in rows] == [
        [str(n) for n in counts[0]],
        [f"{share:.3f}" for share in shares[0]],
    ]
    heads = [line for line in lines if "as 7" in line]
    assert len(heads) == 2
    assert max(map(len, heads)) <= 100


def test_chance_and_prevalence_stand_beside_the_figures(on_val):
    result = on_val
    assert result.prevalence == pytest.approx({"plain": 1 / 3, "rows": 2 / 3})
    assert result.chance == pytest.approx(
        {
            "auroc": 0.5,
            "auprc": 2 / 3,
            "accuracy": 2 / 3,
            "balanced_accuracy": 0.5,
            "brier": 2 / 9,
            "nll": -np.log(2 / 3) * 2 / 3 - np.log(1 / 3) / 3,
            "f1": 0.8,
        }
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
    names = {name.removeprefix("figures/").removesuffix(".png") for name in result.figures}
    assert names == set(TITLES)
    assert all((tmp_path / "out" / name).stat().st_size > 1000 for name in result.figures)
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == len(TITLES)
    assert not re.search(r"(src|href)=.https?:", page)
    for said in (result.disclaimer, result.selection, "Synthetic images", "DeLong"):
        assert said in page
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


def test_a_faultless_split_has_no_failures_to_show(on_val, run_dir, binary, tmp_path):
    easy = binary.where(lambda r: r.split == "val")
    labels = {row["id"]: row["label"] for row in rows_of(Path(on_val.run_dir))}
    agreed = with_labels(easy, lambda r: labels[r.id])
    result = evaluate(run_dir, agreed, "val", output_dir=tmp_path / "b", resamples=5)
    assert result.metrics["accuracy"].estimate == 1.0
    assert "figures/failures.png" not in result.figures
    assert on_val.n == result.n


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
    others = replace(multiclass, classes=("a", "b"), records=multiclass.records[:0])
    others = replace(others, records=(replace(binary.records[-1], label="a"),))
    with pytest.raises(InputError, match="was trained on plain, rows"):
        evaluate(run_dir, others)
    with pytest.raises(InputError, match="has a label"):
        evaluate(run_dir, with_labels(binary, lambda r: None))
    with pytest.raises(UnknownNameError, match="unknown column 'sex'"):
        evaluate(run_dir, binary, by=("sex",))
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


def test_every_named_threshold_is_measured(on_val):
    result, rows = on_val, rows_of(Path(on_val.run_dir))
    points = {point.name: point for point in result.operating_points}
    assert points["0.5"].threshold == 0.5
    assert points["0.5"].metrics["accuracy"] == result.metrics_at_half["accuracy"]
    assert result.operating_point in [point.threshold for point in result.operating_points]
    probs = np.array([float(row["p_rows"]) for row in rows])
    target = np.array([row["target"] == "rows" for row in rows])
    for point in points.values():
        expected = sk.recall_score(target, probs >= point.threshold)
        assert point.metrics["sensitivity"].estimate == pytest.approx(expected)


def test_an_external_set_with_fewer_classes_is_measured_on_those(multiclass_run, binary, tmp_path):
    run_dir = shutil.copytree(multiclass_run, tmp_path / "run")
    result = evaluate(run_dir, binary, output_dir=tmp_path / "out", resamples=5)
    assert (result.absent, result.n) == (["columns"], 60)
    assert list(result.by_class) == ["plain", "rows"]
    assert "binary has no columns" in result.notes[0]
    rows = rows_of(tmp_path / "out")
    sums = [sum(float(row[f"p_{c}"]) for c in result.classes) for row in rows]
    assert sums == pytest.approx([1.0] * 60)  # not renormalised over the two
    truth, said = [row["target"] for row in rows], [row["label"] for row in rows]
    assert result.metrics["accuracy"].estimate == pytest.approx(sk.accuracy_score(truth, said))
    expected = sk.f1_score(truth, said, labels=["plain", "rows"], average="macro")
    assert result.metrics["macro_f1"].estimate == pytest.approx(expected)


def test_unknown_classes_are_left_out_or_mapped_to_known_ones(run_dir, multiclass, tmp_path):
    result = evaluate(run_dir, multiclass, output_dir=tmp_path / "a", resamples=5)
    assert (result.left_out, result.n) == ({"columns": 20}, 40)
    assert "left out" in result.notes[0]
    mapped = evaluate(
        run_dir, multiclass, output_dir=tmp_path / "b", resamples=5, label_map="columns=rows"
    )
    assert (mapped.left_out, mapped.n, mapped.support["rows"]) == ({}, 60, 40)
    with pytest.raises(UnknownNameError, match="'colums'"):
        evaluate(run_dir, multiclass, label_map="colums=rows")


def test_a_set_without_splits_is_measured_whole_as_test(run_dir, binary, tmp_path, capfd):
    records = tuple(replace(r, split=None) for r in binary.split("test").records)
    external = replace(binary, records=records, name="external")
    result = evaluate(run_dir, external, output_dir=tmp_path / "out", resamples=10)
    assert (result.split, result.n, result.test_evaluations) == ("all", 60, 1)
    assert "external has no splits: all of it is measured" in capfd.readouterr().err
    with pytest.raises(UnknownNameError, match="split of external"):
        evaluate(run_dir, external, "val")


def test_images_that_were_learned_from_and_a_limit_are_said(run_dir, binary, tmp_path):
    def notes(split, limit=None):
        folder = tmp_path / f"{split}-{limit}"
        return evaluate(run_dir, binary, split, output_dir=folder, resamples=5, limit=limit).notes

    assert notes("test") == []
    limited, learned = notes("train", 50)
    assert limited == "only the first 50 records were asked for"
    assert learned.startswith("run learned from 50 of these 50 images")
    config = (run_dir / "config.yaml").read_text()
    (run_dir / "config.yaml").write_text(config.replace("train_on: train", "train_on: folds"))
    assert "learned from 60 of these 60" in notes("val")[0]


def test_one_known_class_alone_is_measured(run_dir, binary, tmp_path):
    only = replace(binary.where(lambda r: r.label == "rows"), classes=("rows",), name="external")
    result = evaluate(run_dir, only, output_dir=tmp_path / "out", resamples=5)
    assert (result.absent, result.metrics["auroc"]) == (["plain"], None)
    assert 0 <= result.metrics["sensitivity"].estimate <= 1


def test_classes_in_another_order_are_matched_by_name(on_val, run_dir, binary, tmp_path):
    turned = replace(binary, classes=binary.classes[::-1])
    again = evaluate(run_dir, turned, "val", output_dir=tmp_path / "b", resamples=5)
    assert again.metrics == on_val.metrics
    assert again.positive == "rows"


def test_colour_is_turned_to_what_the_classifier_takes_and_said(on_val, run_dir, binary, tmp_path):
    tinted = binary.split("val").records[0].id

    def read(record):
        pixels = np.repeat(binary.read(record).pixels[..., None], 3, axis=2)
        if record.id == tinted:
            pixels[..., 2] = 255 - pixels[..., 2] // 2
        return image_from_array(pixels)

    coloured = replace(binary, name="coloured", colour=True, reader=read)
    result = evaluate(run_dir, coloured, "val", output_dir=tmp_path / "b", resamples=5)
    assert result.notes == ["coloured is in colour and was turned to grey for the classifier"]
    near = result.metrics["brier"].estimate
    assert near == pytest.approx(on_val.metrics["brier"].estimate, abs=0.02)
    rows = (tmp_path / "b" / "predictions.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows if "in colour, while" in row] == [tinted]
    assert tinted in result.trust.ood.most_unlike


def test_subgroups_stand_in_result_and_page(run_dir, binary, tmp_path):
    sourced = replace(
        binary,
        records=tuple(
            replace(r, source="north" if int(r.id[-3:]) < 17 else "south", extra={"sex": "f"})
            for r in binary.records
        ),
    )
    result = evaluate(
        run_dir, sourced, "val", output_dir=tmp_path / "out", resamples=5, by=("sex",)
    )
    found = {(g.column, g.value): g for g in result.subgroups}
    assert [g.n for g in found.values()] == [34, 26, 60]
    overall = found["sex", "f"].metrics["auroc"]
    assert overall.estimate == result.metrics["auroc"].estimate
    assert "<caption>by source</caption>" in (tmp_path / "out" / "index.html").read_text()
