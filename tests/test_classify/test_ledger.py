import pytest

from classify.ledger import (
    LEDGER_FILE,
    count_evaluations,
    meets_test,
    read_ledger,
    record_evaluation,
    say_learned,
)
from medx.core.errors import CheckpointError
from medx.core.runs import save_config
from medx.datasets.manifest import Record


def test_looks_are_counted_by_dataset(tmp_path):
    assert count_evaluations(tmp_path, "a") == 0
    for dataset in ("a", "b", "a"):
        record_evaluation(tmp_path, dataset, "test", 10)
    assert count_evaluations(tmp_path, "a") == 2
    assert [entry["dataset"] for entry in read_ledger(tmp_path)] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("splits", "met"),
    [(("train", "val"), False), (("val", "test"), True), ((None,), True), (("holdout",), True)],
)
def test_what_training_did_not_use_is_a_look_at_test(splits, met):
    assert meets_test(Record(id=str(s), path="", split=s) for s in splits) == met


@pytest.mark.parametrize(("train_on", "learned"), [("train", 2), ("folds", 3)])
def test_images_that_a_model_learned_from_are_said(tmp_path, train_on, learned):
    save_config(tmp_path, {"train_on": train_on})
    records = [Record(id=str(i), path="", split=s) for i, s in enumerate(["train", "train", "val"])]
    (said,) = say_learned(tmp_path, records)
    assert f"learned from {learned} of these 3 images" in said
    assert say_learned(tmp_path, [Record(id="x", path="", split="test")]) == []


def test_a_damaged_ledger_is_not_counted_as_empty(tmp_path):
    (tmp_path / LEDGER_FILE).write_text('{"dataset": "a"}\n{"dat')
    with pytest.raises(CheckpointError, match="is damaged"):
        count_evaluations(tmp_path, "a")
