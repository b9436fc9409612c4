import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PILImage
from test_datasets.layouts import write_image

from medx.core.errors import InputError
from medx.datasets.crop import CropConfig, crop_dataset
from medx.datasets.crop_window import crop_window
from medx.datasets.label_map import read_label_map
from medx.datasets.manifest import Box, Dataset, Record
from medx.datasets.manifest_files import file_reader, load_manifest

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))
BOXES = st.builds(
    Box,
    label=st.just("cell"),
    x=st.integers(-50, 320),
    y=st.integers(-50, 320),
    width=st.integers(-2, 200),
    height=st.integers(-2, 200),
)


@given(box=BOXES, size=SIZES, margin=st.floats(0, 3))
def test_a_crop_lies_inside_and_holds_the_box_and_its_margin(box, size, margin):
    window = crop_window(box, size, margin=margin)
    columns = range(max(box.x, 0), min(box.x + box.width, size[0]))
    rows = range(max(box.y, 0), min(box.y + box.height, size[1]))
    assert (window is None) == (not columns or not rows)
    if window is None:
        return
    left, top, right, bottom = window
    assert 0 <= left <= columns[0] <= columns[-1] < right <= size[0]
    assert 0 <= top <= rows[0] <= rows[-1] < bottom <= size[1]
    # The margin is whole, or stops at the border.
    assert left in (0, columns[0] - round(box.width * margin))
    assert right in (size[0], columns[-1] + 1 + round(box.width * margin))
    assert top in (0, rows[0] - round(box.height * margin))
    assert bottom in (size[1], rows[-1] + 1 + round(box.height * margin))


def test_the_usual_margin_is_a_tenth_on_each_side():
    box = Box(label="cell", x=100, y=50, width=40, height=20)
    assert crop_window(box, (640, 480), margin=0.10) == (96, 48, 144, 72)


def boxed(folder, *records):
    return Dataset(
        name="fields",
        records=records,
        classes=("red", "white"),
        location=str(folder),
        reader=file_reader(folder),
        root=folder,
        modality="microscopy",
        licence="CC0",
        colour=True,
    )


@pytest.fixture
def fields(tmp_path):
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
    red = Box(label="red", x=10, y=5, width=10, height=20)
    white = Box(label="white", x=0, y=0, width=8, height=8)
    return boxed(
        tmp_path,
        Record(id="a", path="a.png", label="red|white", split="train", boxes=(red, white)),
        Record(id="b", path="b.png", split="test", group="p7", source="north", boxes=(red,),
               extra={"stain": "giemsa"}),
    )  # fmt: skip


def test_crops_are_the_pixels_of_their_boxes(tmp_path, fields):
    crop_dataset(fields, tmp_path / "out", CropConfig(margin=0))
    crops = load_manifest(tmp_path / "out")
    parent = np.asarray(PILImage.open(tmp_path / "a.png"))
    for record, window in zip(crops.records, (np.s_[5:25, 10:20], np.s_[0:8, 0:8]), strict=False):
        np.testing.assert_array_equal(crops.read(record).pixels, parent[window])


def test_crops_keep_what_is_known_of_their_parent(tmp_path, fields):
    summary = crop_dataset(fields, tmp_path / "out")
    crops = load_manifest(tmp_path / "out")
    assert [r.label for r in crops.records] == ["red", "white", "red"]
    assert [r.split for r in crops.records] == ["train", "train", "test"]
    assert [r.group for r in crops.records] == ["a", "a", "p7"]
    assert crops.records[2].source == "north"
    assert crops.records[2].extra == {"parent": "b", "box": "10,5,10,20", "stain": "giemsa"}
    assert (crops.licence, crops.colour, crops.classes) == ("CC0", True, ("red", "white"))
    assert (summary.crops, summary.parents, summary.counts["train"]) == (
        3,
        2,
        {"red": 1, "white": 1},
    )


def test_classes_are_merged_and_dropped_on_the_way(tmp_path, fields):
    summary = crop_dataset(fields, tmp_path / "out", label_map=read_label_map("white=,red=cell"))
    assert (summary.classes, summary.crops, summary.dropped) == (["cell"], 2, 1)


def test_what_cannot_be_cut_is_counted_and_listed(tmp_path, fields):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    good = fields.records[0].boxes[0]
    flat = Box(label="red", x=3, y=3, width=0, height=5)
    far = Box(label="red", x=900, y=3, width=5, height=5)
    small = Box(label="red", x=3, y=3, width=3, height=9)
    over = Box(label="red", x=35, y=3, width=9, height=9)
    dataset = boxed(
        tmp_path,
        Record(id="a", path="a.png", boxes=(flat, far, small, over)),
        Record(id="c", path="broken.png", boxes=(good,)),
    )
    summary = crop_dataset(dataset, tmp_path / "out", CropConfig(min_size=4))
    assert (summary.crops, summary.cut_at_border, len(summary.skipped)) == (1, 1, 4)
    with (tmp_path / "out" / "skipped.csv").open() as stream:
        assert [row["path"] for row in csv.DictReader(stream)] == ["a.png"] * 3 + ["broken.png"]


def test_equal_names_and_hostile_ids_give_files_of_their_own(tmp_path, fields):
    box = fields.records[0].boxes[:1]
    ids = ("x/1", "x-1", "X-1", "../../x")
    records = (Record(id=name, path="a.png", boxes=box) for name in ids)
    crop_dataset(boxed(tmp_path, *records), tmp_path / "out")
    crops = load_manifest(tmp_path / "out")
    assert len({r.path.lower() for r in crops.records}) == 4
    assert all((tmp_path / "out" / r.path).is_file() for r in crops.records)


def test_a_failure_leaves_nothing_and_replaces_nothing(tmp_path, fields):
    with pytest.raises(InputError, match="no boxes"):
        crop_dataset(boxed(tmp_path, Record(id="a", path="a.png")), tmp_path / "out")
    far = Box(label="red", x=900, y=3, width=5, height=5)
    with pytest.raises(InputError, match="could be cut"):
        crop_dataset(boxed(tmp_path, Record(id="a", path="a.png", boxes=(far,))), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "work.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        crop_dataset(fields, tmp_path / "kept")
    assert (tmp_path / "kept" / "work.txt").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png", "kept"]
