from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from medx.core.errors import InputError, UnknownNameError
from medx.core.images import Image
from medx.datasets.manifest import Dataset, Record
from medx.datasets.split.config import Holdout, SplitConfig
from medx.datasets.split.splitting import rotate_folds, split_dataset


def read_number(record):
    """Return a picture of the number in the record's path, or fail as a damaged file would."""
    if record.path == "damaged":
        raise InputError("cannot read damaged as an image")
    return Image(pixels=np.full((1, 2), int(record.path), np.uint8))


def build(rows):
    """Return a dataset of (pixels, label, group, source, split) rows; missing ones are None."""
    records = []
    for i, (pixels, *rest) in enumerate(rows):
        label, group, source, split = (*rest, None, None, None, None)[:4]
        records.append(
            Record(
                id=f"r{i}", path=str(pixels), label=label, group=group, source=source, split=split
            )
        )
    return Dataset(
        name="d", records=tuple(records), classes=("a", "b"), location="", reader=read_number
    )


def sides_of(records, key):
    """Return the splits in which each value of ``key`` stands."""
    found = {}
    for record in records:
        if (value := key(record)) is not None:
            found.setdefault(value, set()).add(record.split)
    return found


rows = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from([None, "a", "b", "c", "a|b"]),
        st.one_of(st.none(), st.integers(0, 40).map(lambda n: f"p{n}")),
        st.sampled_from(["A", "B", "C", None]),
        st.sampled_from(["train", "val", "test"]),
    ),
    min_size=12,
    max_size=60,
)
methods = st.sampled_from(
    [
        SplitConfig(),
        SplitConfig(stratify=False, fractions=(0.5, 0, 0.5)),
        SplitConfig(drop_duplicates=True),
        SplitConfig(folds=3),
        SplitConfig(keep_official=True, drop_leaks=True),
        SplitConfig(keep_official=True, drop_leaks=True, drop_duplicates=True),
        SplitConfig(holdout=Holdout(column="source", values=("B", "C")), drop_leaks=True),
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(rows, methods)
def test_nothing_crosses_and_every_record_is_accounted_for(rows, config):
    dataset = build(rows)
    try:
        splitting = split_dataset(dataset, config)
    except (InputError, UnknownNameError):  # too few groups, one too large, no B
        assume(False)
    for key in (lambda r: r.group, lambda r: r.path):
        assert all(len(sides) == 1 for sides in sides_of(splitting.records, key).values())
    assert all(record.split for record in splitting.records)
    kept = [record.id for record in splitting.records]
    gone = [entry.record.id for entry in splitting.dropped]
    assert sorted([*kept, *gone]) == sorted(record.id for record in dataset.records)
    assert splitting.result.leaks == 0
    assert sum(part.records for part in splitting.result.parts) == len(kept)
    if config.drop_duplicates:
        assert len({record.path for record in splitting.records}) == len(kept)
    if config.holdout:
        test = {record.id for record in splitting.records if record.split == "test"}
        assert test == {r.id for r in dataset.records if r.source in {"B", "C"}}


def test_the_official_test_split_is_kept_whole():
    splitting = split_dataset(
        build([
            (1, "a", None, None, "train"), (1, "a", None, None, "val"),
            (2, "a", None, None, "val"), (2, "a", None, None, "test"),
            (3, "a", "p", None, "train"), (4, "b", "p", None, "test"),
            (5, "b", None, None, "train"), (5, "b", None, None, "train"),
        ]),
        SplitConfig(keep_official=True, drop_leaks=True),
    )  # fmt: skip
    assert [(e.record.id, e.reason) for e in splitting.dropped] == [
        ("r0", "equals r1 of val"),
        ("r2", "equals r3 of test"),
        ("r4", "same group as r5 of test"),
    ]
    assert splitting.result.kept_together.repeats == 1
    assert Counter(r.split for r in splitting.records) == {"train": 2, "val": 1, "test": 2}


def test_a_chain_is_dropped_and_said_to_be_one():
    chain = [(1, "a", "p", None, "train"), (2, "a", "p", None, "val"), (2, "a", None, None, "test")]
    config = SplitConfig(keep_official=True, drop_leaks=True)
    splitting = split_dataset(build([*chain, (9, "a", None, None, "train")]), config)
    reasons = {entry.record.id: entry.reason for entry in splitting.dropped}
    assert reasons == {"r0": "linked through others to r2 of test", "r1": "equals r2 of test"}


def test_a_leaking_official_split_is_refused_unless_told():
    dataset = build([(1, "a", None, None, "train"), (1, "a", None, None, "test")])
    with pytest.raises(InputError, match="1 pictures in train and test") as caught:
        split_dataset(dataset, SplitConfig(keep_official=True))
    assert "--drop-leaks" in caught.value.hint
    allowed = split_dataset(dataset, SplitConfig(keep_official=True, allow_leaks=True))
    assert allowed.result.leaks == 1
    assert allowed.records == dataset.records


def test_a_holdout_whose_patients_are_elsewhere_too_is_refused():
    centres = [(i, "a", f"p{i % 10}", "AB"[i % 20 < 4]) for i in range(40)]
    config = SplitConfig(holdout=Holdout(column="source", values=("B",)))
    with pytest.raises(InputError, match="4 groups in train and test"):
        split_dataset(build(centres), config)


def test_a_holdout_may_name_any_column():
    dataset = build([(i, "ab"[i % 2], f"p{i // 2}") for i in range(40)])
    config = SplitConfig(holdout=Holdout(column="group", values=("p3", "p4")))
    records = split_dataset(dataset, config).records
    assert {r.group for r in records if r.split == "test"} == {"p3", "p4"}
    assert Counter(r.split for r in records) == {"train": 30, "val": 6, "test": 4}


def test_an_official_test_split_stays_when_val_is_drawn_from_its_train():
    rows = [(i, "ab"[i % 2], f"p{i // 2}", None, "test" if i >= 30 else "train") for i in range(40)]
    config = SplitConfig(holdout=Holdout(column="split", values=("test",)))
    records = split_dataset(build(rows), config).records
    assert {r.id for r in records if r.split == "test"} == {f"r{i}" for i in range(30, 40)}
    assert Counter(r.split for r in records) == {"train": 24, "val": 6, "test": 10}


def test_records_of_no_source_are_not_held_out_and_said_so(capfd):
    rows = [(i, "a", None, ["A", "B", None][i % 3]) for i in range(30)]
    config = SplitConfig(holdout=Holdout(column="source", values=("B",)))
    records = split_dataset(build(rows), config).records
    assert sum(record.split == "test" for record in records) == 10
    assert "10 records have no source" in capfd.readouterr().err


def test_unknown_or_all_sources_cannot_be_held_out():
    dataset = build([(i, "a", None, "AB"[i % 2]) for i in range(10)])
    with pytest.raises(UnknownNameError, match="unknown source 'D'"):
        split_dataset(dataset, SplitConfig(holdout=Holdout(column="source", values=("D",))))
    with pytest.raises(InputError, match="nothing to train on"):
        split_dataset(dataset, SplitConfig(holdout=Holdout(column="source", values=("A", "B"))))


def test_a_column_that_is_not_there_is_told_with_those_that_are():
    dataset = build([(i, "a", f"p{i}") for i in range(10)])
    with pytest.raises(InputError, match="no record has a column 'nocol'") as raised:
        split_dataset(dataset, SplitConfig(holdout=Holdout(column="nocol", values=("B",))))
    assert raised.value.hint == "columns: group, label"


def test_folds_partition_and_each_is_test_once():
    splitting = split_dataset(build([(i, "ab"[i % 2]) for i in range(50)]), SplitConfig(folds=5))
    rounds = [rotate_folds(splitting.records, fold, 5) for fold in range(5)]
    assert Counter(r.id for turn in rounds for r in turn if r.split == "test") == Counter(
        f"r{i}" for i in range(50)
    )
    for turn in rounds:
        assert Counter(r.split for r in turn) == {"train": 30, "val": 10, "test": 10}
        assert Counter(r.label for r in turn if r.split == "test") == {"a": 5, "b": 5}


def test_unreadable_images_stay_without_a_split(capfd):
    rows = [(i, "a") for i in range(20)]
    splitting = split_dataset(build([*rows, ("damaged", "a")]), SplitConfig())
    assert splitting.records[-1].split is None
    assert [*splitting.result.unreadable] == ["r20"]
    assert splitting.result.without_split == 1
    assert "1 unreadable" in capfd.readouterr().err
    with pytest.raises(InputError, match="no readable image"):
        split_dataset(build([("damaged", "a")]), SplitConfig())


def test_an_unreadable_image_loses_its_official_split_too():
    rows = [(1, "a", None, None, "train"), ("damaged", "a", None, None, "train")]
    splitting = split_dataset(build(rows), SplitConfig(keep_official=True))
    assert [record.split for record in splitting.records] == ["train", None]


def test_too_few_groups_or_one_too_large_are_refused():
    with pytest.raises(InputError, match="2 groups cannot fill 3 splits"):
        split_dataset(build([(i, "a", "pq"[i % 2]) for i in range(20)]), SplitConfig())
    large = [(i, "a", "p" if i < 15 else None) for i in range(20)]
    with pytest.raises(InputError, match="one group holds 15 of 20 records") as caught:
        split_dataset(build(large), SplitConfig())
    assert "0.75" in caught.value.hint
    split_dataset(build(large), SplitConfig(fractions=(0.8, 0.1, 0.1)))


def test_a_class_that_a_split_lacks_is_named():
    rows = [(i, "rare" if i < 2 else "common") for i in range(40)]
    warnings = split_dataset(build(rows), SplitConfig()).result.warnings
    assert any("no 'rare' in" in sentence and "2 records" in sentence for sentence in warnings)


def test_a_share_that_was_missed_is_named():
    rows = [(i, "a", f"p{i // 10}") for i in range(40)]
    warnings = split_dataset(build(rows), SplitConfig()).result.warnings
    assert "val holds 25.0% of the records instead of 15.0%" in warnings


def test_no_official_split_is_nothing_to_keep():
    with pytest.raises(InputError, match="no split to keep"):
        split_dataset(build([(1, "a")]), SplitConfig(keep_official=True))


def test_an_official_split_without_val_is_shown_as_it_is():
    rows = [(i, "a", None, None, ["train", "test", "external"][i % 3]) for i in range(9)]
    result = split_dataset(build(rows), SplitConfig(keep_official=True)).result
    assert {p.name: p.records for p in result.parts} == {"train": 3, "test": 3, "external": 3}
    assert not result.warnings
