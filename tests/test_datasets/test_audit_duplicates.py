from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_datasets.audit_data import clean_images, draw_image, record_of, write_records

from medx.datasets.audit.audit import audit_dataset
from medx.datasets.audit.duplicates import find_duplicates, find_torn_groups
from medx.datasets.audit.scan import scan_dataset


def test_planted_copies_leaks_and_conflicts_are_found_exactly(tmp_path):
    images = clean_images(40)
    train = [i for i, (r, _) in enumerate(images) if r.split == "train"]
    test = [i for i, (r, _) in enumerate(images) if r.split == "test"]

    def copy(source, target, **values):
        images[target] = (replace(images[target][0], **values), images[source][1])

    copy(train[0], train[1])  # a repeat
    copy(train[4], test[0], label=images[train[4]][0].label)  # a leak
    copy(train[8], train[9], label="ill" if images[train[8]][0].label == "healthy" else "healthy")
    found = {f.check: f for f in audit_dataset(write_records(tmp_path / "d", images)).findings}
    assert found["duplicates"].counts == {"train": 2}
    assert found["duplicates-across-splits"].counts == {"train+test": 1}
    assert found["duplicates-across-splits"].instances[0].ids == [
        images[train[4]][0].id,
        images[test[0]][0].id,
    ]
    assert found["conflicting-labels"].instances[0].ids == [
        images[train[8]][0].id,
        images[train[9]][0].id,
    ]
    assert found["conflicting-labels"].severity == "error"
    assert {"groups-across-splits", "near-duplicates"}.isdisjoint(found)


def test_the_same_labels_in_another_order_are_no_conflict(tmp_path):
    pixels = draw_image(0)
    images = [
        (record_of(0, label="a|b"), pixels),
        (record_of(1, label="b|a"), pixels),
        (record_of(2, label=None), pixels),
    ]
    scan = scan_dataset(write_records(tmp_path / "d", images, classes=("a", "b")))
    assert [f.check for f in find_duplicates(scan)] == ["duplicates"]


def test_a_copy_in_another_file_format_is_a_copy(tmp_path):
    images = [(record_of(0), draw_image(0)), (replace(record_of(1), path="x.bmp"), draw_image(0))]
    scan = scan_dataset(write_records(tmp_path / "d", images))
    assert next(find_duplicates(scan)).count == 1


def test_groups_across_splits_are_errors():
    records = [
        record_of(0, group="p", split="train"),
        record_of(1, group="p", split="test"),
        record_of(2, group="q", split="train"),
        record_of(3, group="q", split="train"),
        record_of(4, group=None, split="test"),
        record_of(5, group="r", split=None),
        record_of(6, group="r", split="val"),
    ]
    (finding,) = find_torn_groups(records)
    assert finding.severity == "error"
    assert finding.counts == {"train+test": 1}
    assert finding.instances[0].ids == ["i000", "i001"]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["train", "val", None])), max_size=9))
def test_counts_agree_with_counting_by_hand(tmp_path, rows):
    images = [(record_of(i, split=split), draw_image(k, 8)) for i, (k, split) in enumerate(rows)]
    scan = scan_dataset(write_records(tmp_path / "d", [*images, (record_of(99), draw_image(9, 8))]))
    found = {f.check: f.count for f in find_duplicates(scan)}
    rows = [*rows, (9, record_of(99).split)]
    repeats = len(rows) - len(set(rows))
    leaks = len({k for k, s in rows if s == "train"} & {k for k, s in rows if s == "val"})
    assert found.get("duplicates", 0) == repeats
    assert found.get("duplicates-across-splits", 0) == leaks
