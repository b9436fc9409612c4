import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classify.config import CompareConfig, TrainConfig
from classify.evaluation import compare as comparing
from classify.evaluation.compare import compare_runs
from classify.evaluation.comparison import Comparison
from classify.training.train import train
from medx.core.errors import CheckpointError, InputError


@pytest.fixture(scope="module")
def weak_run(binary, tmp_path_factory):
    """A run that hardly learned."""
    run_dir = tmp_path_factory.mktemp("runs") / "weak"
    train(TrainConfig(epochs=1, batch_size=60, learning_rate=1e-5, device="cpu"), run_dir, binary)
    return run_dir


@pytest.fixture
def runs(binary_run, weak_run, tmp_path):
    return [str(shutil.copytree(run, tmp_path / run.name)) for run in (weak_run, binary_run)]


@pytest.fixture
def compare(binary, tmp_path, monkeypatch):
    """Compare on datasets in memory, found by name."""
    known = {"binary": binary}
    monkeypatch.setattr(comparing, "load_dataset", lambda name, data_dir=None: known[name])

    def run(runs, *datasets, **settings):
        known.update({dataset.name: dataset for dataset in datasets})
        names = ("binary", *(dataset.name for dataset in datasets))
        config = CompareConfig(
            runs=runs, datasets=names, device="cpu", **{"resamples": 100, **settings}
        )
        return compare_runs(config, tmp_path / "out")

    return run


def noisy(dataset, name="external"):
    """Return a copy in which a third of the images have another label."""
    other = {"plain": "rows", "rows": "plain"}
    records = tuple(
        replace(r, label=other[r.label] if r.id[-1] in "147" else r.label) for r in dataset.records
    )
    return replace(dataset, name=name, records=records)


def test_runs_stand_side_by_side_and_are_tested_on_the_same_images(runs, compare, tmp_path):
    result = compare(runs)
    assert [row.classifier for row in result.rows] == ["weak", "binary"]
    weak, strong = (row.metrics for row in result.rows)
    accuracy, auroc = result.tests
    assert (accuracy.statistic, accuracy.method, accuracy.n) == ("accuracy", "McNemar, exact", 60)
    gained = strong["accuracy"].estimate - weak["accuracy"].estimate
    assert accuracy.difference.estimate == pytest.approx(gained)
    assert gained * 60 == pytest.approx(accuracy.only_second - accuracy.only_first)
    assert auroc.method == "DeLong"
    gained = strong["auroc"].estimate - weak["auroc"].estimate
    assert auroc.difference.estimate == pytest.approx(gained)
    assert all(test.p_adjusted >= test.p_value for test in result.tests)
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert Comparison.model_validate(stored) == result


def test_each_look_at_test_is_in_each_ledger_and_val_is_free(runs, compare, tmp_path):
    assert [row.test_evaluations for row in compare(runs).rows] == [1, 1]
    for run in runs:
        assert len((tmp_path / run / "test_ledger.jsonl").read_text().splitlines()) == 1
    assert [row.test_evaluations for row in compare(runs, split="val").rows] == [1, 1]


def test_gaps_go_from_val_to_test_and_from_home_to_elsewhere(runs, compare, binary):
    result = compare(runs[1:], noisy(binary))
    inside, outside = result.gaps
    assert (inside.start, inside.end) == ("binary val", "binary test")
    assert (outside.start, outside.end) == ("binary test", "external test")
    home, away = (row.metrics["accuracy"].estimate for row in result.rows)
    lost = outside.metrics["accuracy"]
    assert lost.estimate == pytest.approx(away - home)
    assert lost.high < 0
    assert result.tests == []
    assert [row.chance["accuracy"] for row in result.rows] == [2 / 3, pytest.approx(5 / 9, abs=0.2)]


def test_a_gap_is_of_the_classes_that_both_hold(multiclass_run, multiclass, compare, tmp_path):
    run = str(shutil.copytree(multiclass_run, tmp_path / "far"))
    dropped = multiclass.classes[0]
    kept = tuple(r for r in multiclass.records if r.label != dropped)
    fewer = replace(multiclass, records=kept, classes=multiclass.classes[1:], name="fewer")
    result = compare([run], multiclass, fewer)
    gap = next(gap for gap in result.gaps if gap.end == "fewer test")
    # The very images of the shared classes: nothing is gained or lost.
    assert [gap.metrics[name].estimate for name in gap.metrics] == [0.0, 0.0, 0.0]
    assert gap.left_out == [dropped]
    assert any(f"without {dropped}" in text for text in result.notes)


def test_two_splits_of_one_name_are_told_apart(runs, compare, binary, monkeypatch):
    turned = {"train": "test", "test": "train"}
    records = tuple(replace(r, split=turned.get(r.split, r.split)) for r in binary.records)
    known = {"binary": binary, "folder": replace(binary, records=records)}
    monkeypatch.setattr(comparing, "load_dataset", lambda name, data_dir=None: known[name])
    config = CompareConfig(runs=runs[1:], datasets=tuple(known), device="cpu", resamples=20)
    result = compare_runs(config, tmp := Path(runs[0]).parent / "out")
    assert [row.dataset for row in result.rows] == ["binary (binary)", "binary (folder)"]
    assert [row.test_evaluations for row in result.rows] == [1, 1]
    assert [gap.end for gap in result.gaps] == ["binary (binary) test", "binary (folder) test"]
    assert any("was trained on another split of binary" in text for text in result.notes)
    page = (tmp / "index.html").read_text()
    assert "binary (folder)" in page
    assert page.count("data:image/png;base64,") == 4
    with pytest.raises(InputError, match="each dataset once"):
        compare_runs(replace(config, datasets=("binary", "binary")), tmp)


def test_an_external_set_without_splits_is_compared_whole(runs, compare, binary):
    whole = tuple(replace(r, split=None) for r in binary.split("test").records)
    result = compare(runs, replace(binary, records=whole, name="external"))
    assert [(row.dataset, row.split) for row in result.rows[::2]] == [
        ("binary", "test"), ("external", "all")
    ]  # fmt: skip
    assert {gap.end for gap in result.gaps} == {"binary test", "external all"}
    assert [row.test_evaluations for row in result.rows] == [1, 1, 1, 1]


def test_named_patients_make_the_tests_resample_them(runs, compare, binary):
    grouped = replace(
        binary,
        name="grouped",
        records=tuple(replace(r, group=r.id[:-1]) for r in binary.records),
    )
    result = compare(runs, grouped)
    methods = [test.method for test in result.tests if test.dataset == "grouped"]
    assert methods == ["paired bootstrap by patient"] * 2
    assert [row.unit for row in result.rows] == ["image", "image", "patient", "patient"]


def test_a_run_away_from_home_has_no_gap_and_says_so(multiclass_run, runs, compare, tmp_path):
    far = shutil.copytree(multiclass_run, tmp_path / "far")
    result = compare([str(far), runs[1]])
    assert [gap.classifier for gap in result.gaps] == ["binary"]
    said = " ".join(result.notes)
    assert "far was trained on multiclass, which is not among the datasets, or on" in said
    assert "far and binary know different classes: AUROC is not compared" in said
    assert "binary has no columns" in said
    assert [test.statistic for test in result.tests] == ["accuracy"]


def test_a_run_that_learned_from_val_has_no_gap_from_it(runs, compare, tmp_path):
    path = tmp_path / runs[1] / "config.yaml"
    path.write_text(path.read_text().replace("train_on: train", "train_on: folds"))
    result = compare(runs[1:])
    assert result.gaps == []
    assert "learned from val too" in result.notes[0]


def test_what_cannot_be_compared_is_said(runs, compare):
    with pytest.raises(InputError, match="several different ones"):
        compare([runs[0], runs[0]])
    with pytest.raises(InputError, match="name one train run"):
        compare([])
    with pytest.raises(CheckpointError, match="not a run folder"):
        compare([runs[0], "nowhere"])


def test_the_same_seed_finds_the_same(runs, compare):
    first, again = compare(runs, split="val"), compare(runs, split="val")
    assert first == again
    assert np.isfinite([test.p_value for test in first.tests]).all()
