from dataclasses import replace

import pytest

from classify.evaluation.shared_classes import map_labels, share_classes
from medx.core.errors import InputError, UnknownNameError
from medx.datasets.manifest import Dataset, Record


def make_part(*labels, classes=None):
    records = tuple(Record(id=str(i), path=str(i), label=label) for i, label in enumerate(labels))
    return Dataset(
        name="external",
        records=records,
        classes=classes or tuple(sorted({label for label in labels if label})),
        location="memory",
        reader=lambda record: None,
    )


def test_classes_are_matched_by_name():
    found = share_classes(make_part("b", "a", "a"), ("b", "c", "a"))
    assert (found.shared, found.absent, found.left_out) == ((0, 2), ("c",), {})
    assert found.part.targets().tolist() == [0, 2, 2]
    assert "external has no c" in found.notes()[0]


def test_unknown_classes_are_left_out_and_counted():
    found = share_classes(make_part("a", "x", "x", "y", "b"), ("a", "b"))
    assert found.left_out == {"x": 2, "y": 1}
    assert [record.label for record in found.part.records] == ["a", "b"]
    assert "x (2 images), y (1 images)" in found.notes()[0]
    assert share_classes(make_part("a", "b"), ("a", "b")).notes() == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("x", "y"), "has the classes x, y, but the classifier was trained on a, b"),
        (("a|b",), "several labels"),
        ((None, None), "has a label"),
    ],
)
def test_what_cannot_be_measured_is_said(labels, said):
    with pytest.raises(InputError, match=said.replace("|", r"\|")):
        share_classes(make_part(*labels, classes=("x", "y")), ("a", "b"))


def test_images_without_a_label_are_left_out_and_counted():
    found = share_classes(make_part("a", None, "b", None), ("a", "b"))
    assert [record.label for record in found.part.records] == ["a", "b"]
    assert found.notes() == ["left out, for want of a label: 2 images"]


def test_a_map_turns_classes_into_known_ones():
    dataset = make_part("bacterial", "viral", "healthy")
    mapped = map_labels(dataset, "bacterial=pneumonia,viral=pneumonia,healthy=")
    assert [record.label for record in mapped.records] == ["pneumonia", "pneumonia"]
    assert mapped.classes == ("pneumonia",)
    assert map_labels(dataset, None) is dataset


def test_a_map_with_a_wrong_name_is_an_error_unless_it_is_for_several_sets():
    dataset = replace(make_part("a", "b"), name="external")
    with pytest.raises(UnknownNameError, match="'c'"):
        map_labels(dataset, "c=d")
    assert map_labels(dataset, "c=d", lenient=True).classes == ("a", "b")
