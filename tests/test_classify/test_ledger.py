import pytest

from classify.ledger import (
    LEDGER_FILE,
    count_evaluations,
    meets_test,
    read_ledger,
    record_evaluation,
)
from medx.core.errors import CheckpointError
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


def test_a_damaged_ledger_is_not_counted_as_empty(tmp_path):
    (tmp_path / LEDGER_FILE).write_text('{"dataset": "a"}\n{"dat')
    with pytest.raises(CheckpointError, match="is damaged"):
        count_evaluations(tmp_path, "a")
