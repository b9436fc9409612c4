import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import write_dataset
from PIL import Image as PILImage

from medx.core.errors import InputError
from medx.datasets.contact_sheet import build_contact_sheet, save_contact_sheet
from medx.datasets.manifest import Box
from medx.datasets.manifest_files import load_manifest


def with_records(dataset, **changes):
    return replace(dataset, records=tuple(replace(r, **changes) for r in dataset.records))


def shown(dataset, **settings):
    sheet = build_contact_sheet(dataset, **settings)
    return {row.name: [p.record.id for p in row.pictures] for row in sheet.rows}


def test_each_class_gets_a_row_of_its_own_records(three_class):
    dataset = load_manifest(three_class)
    rows = shown(dataset, count=4)
    assert [*rows] == ["ring", "trophozoite", "normal"]
    for label, ids in rows.items():
        assert len(set(ids)) == 4
        assert all(dataset.find(name).label == label for name in ids)


def test_a_seed_gives_one_sheet_and_another_another(three_class):
    dataset = load_manifest(three_class)
    assert shown(dataset, seed=1) == shown(dataset, seed=1) != shown(dataset, seed=2)


def test_rows_may_be_splits_or_sources(three_class):
    dataset = load_manifest(three_class)
    assert [*shown(dataset, by="split")] == ["train", "val", "test"]
    assert [*shown(dataset, by="source")] == ["no source"]
    assert [*shown(with_records(dataset, source="B"), by="source")] == ["B"]
    with pytest.raises(ValueError, match="by must be one of label, split, source"):
        shown(dataset, by="id")


def test_small_rows_show_all_they_have(three_class):
    few = load_manifest(three_class).where(lambda r: r.split == "val", limit=16)
    rows = shown(few, count=20)
    assert {name: len(ids) for name, ids in rows.items()} == {"ring": 15, "trophozoite": 1}


def test_several_labels_stand_in_several_rows_and_boxes_stand_in_for_a_label(three_class):
    dataset = load_manifest(three_class)
    assert [*shown(with_records(dataset, label="b|a"), count=1)] == ["a", "b"]
    cell = Box(label="cell", x=1, y=1, width=2, height=2)
    assert [*shown(with_records(dataset, label=None, boxes=(cell,)), count=1)] == ["cell"]
    assert [*shown(with_records(dataset, label=None), count=1)] == ["no label"]


def test_what_cannot_be_read_is_replaced_counted_and_named(tmp_path, capfd):
    folder = write_dataset(tmp_path / "d", {"a": 2})
    victims = sorted((folder / "images").iterdir())[:3]
    for path in victims:
        path.write_bytes(b"junk")
    sheet = build_contact_sheet(load_manifest(folder), count=6)
    assert len(sheet.rows[0].pictures) == 3
    assert {*sheet.unreadable} == {path.stem for path in victims}
    assert "skipped 3 unreadable" in capfd.readouterr().err
    assert "unreadable" in save_contact_sheet(sheet, tmp_path / "s.html").read_text().lower()


def test_nothing_readable_is_an_error(tmp_path):
    folder = write_dataset(tmp_path / "d", {"a": 1})
    for path in (folder / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match="no readable image"):
        build_contact_sheet(load_manifest(folder))


def test_too_many_rows_are_cut_and_said_so(three_class, capfd):
    dataset = load_manifest(three_class)
    records = tuple(replace(r, source=f"s{i:03d}") for i, r in enumerate(dataset.records))
    sheet = build_contact_sheet(replace(dataset, records=records), by="source", count=1)
    assert (len(sheet.rows), sheet.rows_left_out) == (24, 111)
    assert "24 largest of 135 sources" in capfd.readouterr().err


def test_a_box_is_drawn_where_it_is_in_a_shrunken_image(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "id,path,label,boxes\nbig,big.png,a,"
        '"[{""label"": ""cell"", ""x"": 500, ""y"": 250, ""width"": 250, ""height"": 125}]"\n'
    )
    PILImage.new("RGB", (1000, 500), BLUE).save(tmp_path / "big.png")
    dataset = replace(load_manifest(tmp_path), colour=True)
    picture = build_contact_sheet(dataset).rows[0].pictures[0]
    assert (picture.pixels.shape, picture.native_size) == ((200, 400, 3), (500, 1000))
    plain = save_contact_sheet(build_contact_sheet(dataset, boxes=False), tmp_path / "plain.png")
    assert _is_image(plain).all()
    drawn = ~_is_image(save_contact_sheet(build_contact_sheet(dataset), tmp_path / "boxed.png"))
    height, width = drawn.shape
    across = np.flatnonzero(drawn[int(0.6 * height)]) / width
    down = np.flatnonzero(drawn[:, int(0.7 * width)]) / height
    assert (across.min(), across.max()) == pytest.approx((0.5, 0.75), abs=0.02)
    assert down.max() == pytest.approx(0.75, abs=0.03)  # a name stands on its upper side


BLUE = (40, 40, 160)


def _is_image(path):
    """Return where an untouched blue image is seen, within the rectangle that it fills."""
    with PILImage.open(path) as image:
        blue = (np.asarray(image.convert("RGB")) == BLUE).all(2)
    rows, columns = np.flatnonzero(blue.any(1)), np.flatnonzero(blue.any(0))
    return blue[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_html_holds_its_pictures_and_escapes_labels(three_class, tmp_path):
    bad = '<script>alert("x")</script>'
    box = Box(label=bad, x=4, y=5, width=6, height=7)
    dataset = replace(with_records(load_manifest(three_class), label=bad, boxes=(box,)), name=bad)
    sheet = build_contact_sheet(dataset, count=2)
    page = save_contact_sheet(sheet, tmp_path / "sheet.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert 'x="4" y="5" width="6" height="7"' in page
    assert "Research use only" in page
    assert "Synthetic" in page
    assert "http" not in page.replace("http-equiv", "")
    images = [
        base64.b64decode(data) for data in re.findall(r"data:image/png;base64,([^\"]+)", page)
    ]
    with PILImage.open(io.BytesIO(images[0])) as first:
        assert np.array_equal(np.asarray(first), sheet.rows[0].pictures[0].pixels)


def test_a_sheet_says_that_it_is_synthetic(three_class):
    dataset = load_manifest(three_class)
    assert "(synthetic): 135 images" in build_contact_sheet(dataset).title
    assert "synthetic" not in build_contact_sheet(replace(dataset, synthetic=False)).title


def test_only_png_and_html_are_written(three_class):
    sheet = build_contact_sheet(load_manifest(three_class), count=1)
    with pytest.raises(InputError, match=r"\.png or \.html"):
        save_contact_sheet(sheet, Path("sheet.pdf"))
    assert save_contact_sheet(sheet, Path("SHEET.PNG")).is_file()
