import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PILImage
from test_core.dicom_files import write_dicom

from classify.explanation.config import ExplainConfig
from classify.explanation.explain import explain, explain_files
from classify.explanation.localisation import find_boxed
from classify.explanation.overlays import draw_overlay, unused_names
from classify.ledger import read_ledger
from medx.core.errors import InputError, UnknownNameError
from medx.datasets.manifest import Box

QUICK = ExplainConfig(resamples=50, device="cpu", per_outcome=2)


@pytest.fixture(scope="session")
def explained(squares, squares_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    return explain(squares_run, squares, QUICK, folder), folder


def test_a_network_that_finds_squares_points_at_them(explained):
    (row,) = explained[0].localisation
    assert row.n == 40
    assert row.pointing_game.low > 2 * row.chance["pointing_game"]
    assert row.energy_in_box.low > 2 * row.chance["energy_in_box"]
    assert row.iou.low > 2 * row.chance["iou"]
    assert row.chance["iou"] == pytest.approx(8 * 8 / 32**2)


def test_pictures_show_each_outcome_of_the_positive_class(explained):
    result, folder = explained
    assert sum(result.outcomes["square"].values()) == result.n == 80
    assert list(result.outcomes) == ["square"]
    for image in result.images:
        assert image.label == "square"
        assert (image.outcome == "true positive") == (image.truth == image.predicted == "square")
        with PILImage.open(folder / image.picture) as picture:
            assert min(picture.size) >= 280
    assert {p.name for p in (folder / "overlays").iterdir()} == {
        image.picture.removeprefix("overlays/") for image in result.images
    }


def test_the_page_holds_its_pictures_and_says_what_they_are(explained):
    result, folder = explained
    page = (folder / "index.html").read_text()
    assert page.count("data:image/png;base64,") == len(result.images)
    assert 'src="http' not in page
    for said in ("Synthetic images", "Research use only", "pointing game", "true positives"):
        assert said in page
    assert json.loads((folder / "metrics.json").read_text())["schema_version"] == 1


def test_val_is_the_default_and_test_is_noted(squares, squares_run, explained, tmp_path):
    looks = len(read_ledger(squares_run))
    config = replace(QUICK, split="test", limit=8)
    assert explained[0].split == "val"
    result = explain(squares_run, squares, config, tmp_path)
    assert result.test_evaluations == looks + 1
    assert read_ledger(squares_run)[-1]["split"] == "test"


def test_one_class_can_be_asked_for(squares, squares_run, tmp_path):
    config = replace(QUICK, target="empty", limit=8)
    result = explain(squares_run, squares, config, tmp_path)
    assert {image.label for image in result.images} == {"empty"}
    assert result.localisation == []
    alone = explain(squares_run, squares, replace(config, target="square", limit=2), tmp_path)
    (row,) = alone.localisation
    assert row.n == 1  # which no resampling tells apart from another
    assert (row.pointing_game.method, row.pointing_game.low) == ("exact binomial", 0.025)
    assert (row.iou.low, row.iou.high) == (0.0, 1.0)
    with pytest.raises(UnknownNameError, match="unknown class 'rib'"):
        explain(squares_run, squares, replace(config, target="rib"), tmp_path)


def test_without_labels_every_image_is_explained_and_test_stays_unseen(
    squares, squares_run, tmp_path
):
    blind = replace(squares, records=tuple(replace(r, label=None) for r in squares.records))
    looks = len(read_ledger(squares_run))
    result = explain(squares_run, blind, replace(QUICK, split="test", limit=5), tmp_path)
    assert len(result.images) == 5
    assert result.outcomes == {}
    assert result.localisation == []
    assert len(read_ledger(squares_run)) == looks


def test_images_without_a_label_are_left_out_and_counted(squares, squares_run, tmp_path, capsys):
    first, second, *others = squares.split("val").records
    partly = replace(squares, records=(replace(first, label=None), second, *others))
    result = explain(squares_run, partly, replace(QUICK, limit=8), tmp_path)
    assert result.n == 7
    assert sum(result.outcomes["square"].values()) == 7
    assert result.notes[:2] == [
        "only the first 8 records were asked for",
        "left out, for want of a label: 1 image of 8",
    ]
    assert "warning: left out" in capsys.readouterr().err


def test_strange_labels_are_refused(squares, squares_run, tmp_path):
    first, *others = squares.split("val").records
    strange = replace(squares, records=(replace(first, label="circle"), *others))
    with pytest.raises(InputError, match="1 image with a label that is no class"):
        explain(squares_run, strange, QUICK, tmp_path)


def test_files_of_any_size_are_explained_and_bad_ones_listed(squares, squares_run, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(0)
    PILImage.fromarray(rng.integers(0, 255, (50, 400, 3), np.uint8)).save(images / "wide.png")
    PILImage.fromarray(np.zeros((1500, 9), np.uint8)).save(images / "black.png")
    (images / "bad.png").write_text("no image")
    config = replace(QUICK, input=str(images), sanity=True)
    result = explain_files(squares_run, config, tmp_path / "out")
    assert [image.id for image in result.images] == ["black.png", "wide.png"]
    assert [skipped.id for skipped in result.skipped] == ["bad.png"]
    assert result.sanity.n == 2
    with pytest.raises(InputError, match=r"bad\.png"):
        explain_files(squares_run, replace(config, input=str(images / "bad.png")), tmp_path)


def test_a_path_that_names_its_patient_is_not_written_down(squares_run, tmp_path, capsys):
    folder = tmp_path / "in" / "Doe_Jane"
    folder.mkdir(parents=True)
    for name in ("a.dcm", "b.dcm"):
        write_dicom(folder / name, np.arange(32 * 32, dtype=np.uint16).reshape(32, 32))
    (folder / "b.dcm").write_bytes((folder / "b.dcm").read_bytes()[:-100])
    out = tmp_path / "out"
    result = explain_files(squares_run, replace(QUICK, input=str(folder)), out)
    assert [image.id for image in result.images] == ["a.dcm"]
    assert [skipped.id for skipped in result.skipped] == ["b.dcm"]
    written = "".join(p.read_text() for p in out.iterdir() if p.is_file())
    assert "Doe" not in written + capsys.readouterr().err
    direct = explain_files(squares_run, replace(QUICK, input=str(folder.parent)), tmp_path / "up")
    assert [image.id for image in direct.images] == ["file-00001.dcm"]


def test_boxes_of_the_class_count_or_all_where_none_carries_a_class_name(squares):
    (record,) = squares.where(lambda r: r.label == "square", limit=1).records
    other = Box(label="empty", x=0, y=0, width=4, height=4)
    both = replace(record, boxes=(*record.boxes, other))
    assert len(find_boxed(squares, [both], ["square"], 32).boxes[0]) == 1
    lesions = tuple(replace(box, label="lesion") for box in both.boxes)
    assert len(find_boxed(squares, [replace(record, boxes=lesions)], ["square"], 32).boxes[0]) == 2
    assert len(find_boxed(squares, [both, both], [None, "empty"], 32).rows) == 1


def test_an_overlay_tints_the_image_and_outlines_boxes():
    pixels, values = np.full((40, 40), 128, np.uint8), np.zeros((4, 4), np.float32)
    values[:, 2:] = 1.0
    plain = np.asarray(draw_overlay(pixels, values))
    boxed = np.asarray(draw_overlay(pixels, values, np.array([[1.0, 1.0, 2.0, 2.0]])))
    left, right = plain[140, 10], plain[140, 270]
    assert left[2] > left[1]  # viridis begins in violet and ends in yellow
    assert right[1] > right[2]
    assert (boxed[70, 80] == (255, 80, 80)).all()
    assert (boxed[100, 100] == plain[100, 100]).all()


def test_names_that_look_alike_get_files_of_their_own(tmp_path):
    names = unused_names(["a/b", "a?b", "a/b"], tmp_path)
    found = []
    for path in names:
        path.touch()
        found.append(path.name)
    assert found == ["a-b.png", "a-b-2.png", "a-b-3.png"]


def test_images_that_were_learned_from_are_said(squares, squares_run, explained, tmp_path):
    assert explained[0].notes == []
    on_train = explain(squares_run, squares, replace(QUICK, split="train", limit=6), tmp_path)
    assert "learned from 6 of these 6 images" in on_train.notes[1]
