import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medx.core.errors import InputError, UnknownNameError
from medx.datasets.label_map import LabelMap, read_label_map
from medx.datasets.manifest import Box, Record

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
MAPS = st.builds(
    LabelMap,
    targets=st.dictionaries(NAMES, st.one_of(st.none(), st.sampled_from(["x", "y", "a"]))),
    drop_rest=st.booleans(),
)


@given(label_map=MAPS, label=NAMES)
def test_a_class_becomes_what_the_map_says(label_map, label):
    if label in label_map.targets:
        assert label_map.apply(label) == label_map.targets[label]
    else:
        assert label_map.apply(label) == (None if label_map.drop_rest else label)


@given(label_map=MAPS, old=st.lists(NAMES, unique=True))
def test_the_new_classes_are_those_a_record_can_get(label_map, old):
    new = label_map.classes(old)
    assert set(new) == {label_map.apply(name) for name in old} - {None}
    assert len(new) == len(set(new))


@given(label_map=MAPS, labels=st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_boxes_and_labels_are_mapped_alike(label_map, labels):
    boxes = tuple(Box(label=name, x=0, y=0, width=1, height=1) for name in labels)
    record = Record(id="1", path="1.png", label="|".join(labels), boxes=boxes)
    kept = label_map.apply_to_record(record, keep_unlabelled=True)
    assert len(kept.boxes) == sum(label_map.apply(name) is not None for name in labels)
    assert set((kept.label or "").split("|")) - {""} == {box.label for box in kept.boxes}
    strict = label_map.apply_to_record(record, keep_unlabelled=False)
    assert (strict is None) == (kept.label is None)


def test_the_order_of_the_map_decides_which_class_is_positive():
    label_map = read_label_map("Uninfected=no,Parasitized=yes")
    assert label_map.classes(["Parasitized", "Uninfected"]) == ("no", "yes")


WRITTEN = {"red": "cell", "ring": "parasite", "leukocyte": None}


@pytest.mark.parametrize("kind", ["inline", "yaml", "json", "csv", "header.csv"])
def test_each_way_to_write_a_map_says_the_same(tmp_path, kind):
    path = tmp_path / f"map.{kind}"
    text = {
        "inline": "red=cell, ring=parasite,leukocyte=",
        "yaml": "red: cell\nring: parasite\nleukocyte: drop\n",
        "json": json.dumps(WRITTEN),
        "csv": "red,cell\nring,parasite\nleukocyte,\n",
        "header.csv": "from,to\nred,cell\nring,parasite\nleukocyte,drop\n",
    }[kind]
    if kind != "inline":
        path.write_text(text)
    assert read_label_map(text if kind == "inline" else str(path)).targets == WRITTEN


def test_the_rest_can_be_dropped(tmp_path):
    (tmp_path / "map.yaml").write_text('ring: infected\n"*": drop\n')
    label_map = read_label_map(str(tmp_path / "map.yaml"))
    assert label_map.apply("ring") == "infected"
    assert label_map.apply("other") is None


def test_a_class_that_does_not_exist_gets_near_names():
    with pytest.raises(UnknownNameError) as caught:
        read_label_map("leucocyte=").check(["leukocyte", "ring"])
    assert "did you mean 'leukocyte'" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["nothing", "a=b,c", "=b", "a=b,a=c", "*=b", ",", "gone.yaml", "a=b,=c"]
)
def test_a_damaged_map_is_one_clear_error(text):
    with pytest.raises(InputError):
        read_label_map(text)


@pytest.mark.parametrize("text", ["[1, 2]", "no: normal", "a: [b]", "a: {b: c}", ": :", "a: b: c"])
def test_a_damaged_map_file_is_one_clear_error(tmp_path, text):
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(InputError):
        read_label_map(str(tmp_path / "map.yaml"))
