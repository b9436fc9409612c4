from hypothesis import given
from hypothesis import strategies as st
from test_datasets.audit_data import record_of

from medx.datasets.audit.boxes import find_bad_boxes
from medx.datasets.manifest import Box

SIZES = {"i000": (50, 80)}  # height, width


def check(*boxes, classes=("ring",), sizes=SIZES):
    found = find_bad_boxes([record_of(0, boxes=boxes)], sizes, classes)
    return {finding.check: finding.count for finding in found}


def box(x, y, width, height, label="ring"):
    return Box(label=label, x=x, y=y, width=width, height=height)


def test_each_fault_has_its_name():
    assert check(box(0, 0, 80, 50)) == {}
    assert check(box(1, 1, 80, 10)) == {"boxes-outside": 1}
    assert check(box(-1, 1, 10, 10)) == {"boxes-outside": 1}
    assert check(box(1, 45, 10, 10)) == {"boxes-outside": 1}
    assert check(box(1, 1, 0, 10)) == {"boxes-empty": 1}
    assert check(box(9, 9, -5, 10)) == {"boxes-empty": 1}
    assert check(box(1, 1, 3, 10)) == {"boxes-tiny": 1}
    assert check(box(1, 1, 9, 9), box(1, 1, 9, 9)) == {"boxes-repeated": 1}
    assert check(box(1, 1, 9, 9, label="rng")) == {"boxes-unknown-label": 1}


def test_without_classes_or_a_size_the_rest_is_still_checked():
    assert check(box(1, 1, 9, 9, label="rng"), classes=()) == {}
    assert check(box(70, 1, 20, 9), sizes={}) == {}
    assert check(box(-1, 1, 20, 9), sizes={}) == {"boxes-outside": 1}


def test_the_box_is_described():
    (finding,) = find_bad_boxes([record_of(0, boxes=(box(70, 1, 20, 9),))], SIZES, ())
    assert finding.instances[0].ids == ["i000"]
    assert finding.instances[0].detail == "ring: x 70, y 1, 20×9"


@given(st.integers(0, 76), st.integers(0, 46), st.data())
def test_boxes_inside_are_never_outside(x, y, data):
    width, height = data.draw(st.integers(4, 80 - x)), data.draw(st.integers(4, 50 - y))
    assert check(box(x, y, width, height)) == {}
