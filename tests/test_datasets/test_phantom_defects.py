import json

import numpy as np
import pytest

from medx.core.content_hash import content_hash
from medx.core.errors import InputError
from medx.datasets.manifest_files import COLUMNS, load_manifest
from medx.datasets.phantoms.config import DefectConfig, PhantomConfig
from medx.datasets.phantoms.cxr import render_phantom
from medx.datasets.phantoms.dataset import write_phantom_dataset
from medx.datasets.phantoms.duplicates import CHANGES, change_slightly
from medx.datasets.phantoms.markers import MARGIN

CONFIG = PhantomConfig(count=150, size=64, seed=2)
SPOILT = DefectConfig(
    markers=0.3, duplicates=0.1, near_duplicates=0.1, across_splits=True, label_noise=0.2
)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """A dataset with every defect, and what its truth.json says."""
    folder = tmp_path_factory.mktemp("synth") / "spoilt"
    write_phantom_dataset(CONFIG, folder, defects=SPOILT)
    return load_manifest(folder), json.loads((folder / "truth.json").read_text())


def pixels_of(dataset):
    return {record.id: dataset.read(record).pixels for record in dataset.records}


def test_exact_duplicates_are_pixel_identical_and_no_other_images_are(spoilt):
    dataset, truth = spoilt
    hashes = {name: content_hash(image) for name, image in pixels_of(dataset).items()}
    exact = [copy for copy in truth["duplicates"] if copy["change"] is None]
    assert len(exact) == 15
    assert all(hashes[copy["id"]] == hashes[copy["of"]] for copy in exact)
    assert len(set(hashes.values())) == len(dataset) - len(exact)


def test_exact_duplicates_cannot_be_told_by_their_bytes(spoilt):
    dataset, truth = spoilt
    images = dataset.root / "images"
    copy = next(copy for copy in truth["duplicates"] if copy["change"] is None)
    one, other = ((images / f"{copy[key]}.png").read_bytes() for key in ("id", "of"))
    assert one != other


def test_near_duplicates_look_alike_and_are_not_equal(spoilt):
    dataset, truth = spoilt
    pixels = pixels_of(dataset)
    near = [copy for copy in truth["duplicates"] if copy["change"]]
    assert len(near) == 15
    for copy in near:
        one, other = pixels[copy["id"]], pixels[copy["of"]]
        assert not np.array_equal(one, other)
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.75


def test_copies_lie_in_another_split_under_another_patient_only_when_asked(spoilt, tmp_path):
    dataset, truth = spoilt
    for copy in truth["duplicates"]:
        one, other = dataset.find(copy["id"]), dataset.find(copy["of"])
        assert one.split != other.split
        assert sum(record.group == one.group for record in dataset.records) == 1
    config = DefectConfig(duplicates=0.5)
    told = write_phantom_dataset(PhantomConfig(count=8, size=16), tmp_path / "d", defects=config)
    beside = load_manifest(tmp_path / "d")
    for copy in told.duplicates:
        one, other = beside.find(copy.id), beside.find(copy.of)
        assert (one.split, one.group) == (other.split, other.group)


def test_flipped_labels_are_wrong_and_the_others_right(spoilt):
    dataset, truth = spoilt
    flipped = {flip["id"]: flip for flip in truth["flipped_labels"]}
    true = {f"phantom-cxr-2-{i:06d}": render_phantom(CONFIG, i).label for i in range(CONFIG.count)}
    true |= {copy["id"]: true[copy["of"]] for copy in truth["duplicates"]}
    for record in dataset.records:
        if flip := flipped.get(record.id):
            assert record.label == flip["label"] != flip["true_label"] == true[record.id]
        else:
            assert record.label == true[record.id]
    count = len(dataset)
    assert abs(len(flipped) - 0.2 * count) < 4 * np.sqrt(count * 0.2 * 0.8)


def test_markers_change_pixels_only_in_their_box_near_the_border(spoilt):
    dataset, truth = spoilt
    pixels, marked = pixels_of(dataset), {mark["id"]: mark for mark in truth["marked"]}
    for index in range(CONFIG.count):
        clean = render_phantom(CONFIG, index)
        change = pixels[clean.id] != clean.image
        if mark := marked.get(clean.id):
            x, y, width, height = mark["box"]
            assert change[y : y + height, x : x + width].any()
            assert y + height <= MARGIN * CONFIG.size
            assert (x + width / 2 > CONFIG.size / 2) or mark["text"] != "L"
            change[y : y + height, x : x + width] = False
        assert not change.any()
    drawn = sum(name < f"phantom-cxr-2-{CONFIG.count:06d}" for name in marked)
    assert abs(drawn - 45) < 4 * np.sqrt(150 * 0.3 * 0.7)


def test_copies_of_marked_images_are_told_as_marked(spoilt):
    _, truth = spoilt
    marked = {mark["id"] for mark in truth["marked"]}
    for copy in truth["duplicates"]:
        assert (copy["id"] in marked) == (copy["of"] in marked)


def test_the_manifest_says_nothing_of_defects(spoilt):
    dataset, truth = spoilt
    header, *rows = (dataset.root / "manifest.csv").read_text().splitlines()
    assert header.split(",") == [*COLUMNS, "report"]
    assert not any(word in row for row in rows for word in ("duplicate", "flip", "PORTABLE"))
    about = (dataset.root / "dataset.yaml").read_text()
    assert "synthetic: true" in about
    assert "not for clinical use" in about
    assert truth["synthetic"]
    assert truth["settings"]["label_noise"] == 0.2


def test_writing_twice_gives_the_same_files_for_any_number_of_workers(tmp_path):
    config = PhantomConfig(count=20, size=64, seed=5)
    for name, workers in (("one", 1), ("two", 2)):
        write_phantom_dataset(config, tmp_path / name, defects=SPOILT, workers=workers)
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two


def test_defects_do_not_change_the_other_images(tmp_path, spoilt):
    dataset, _ = spoilt
    record = next(r for r in dataset.records if r.id == "phantom-cxr-2-000003")
    write_phantom_dataset(PhantomConfig(count=4, size=64, seed=2), tmp_path / "clean")
    clean = load_manifest(tmp_path / "clean").find("phantom-cxr-2-000003")
    assert (clean.group, clean.source, clean.text) == (record.group, record.source, record.text)


@pytest.mark.parametrize("change", CHANGES)
def test_every_slight_change_is_slight(change):
    image = render_phantom(PhantomConfig(size=96), 0).image
    changed = change_slightly(image, change, np.random.default_rng(0))
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert 0.1 < np.abs(changed.astype(float) - image).mean() < 25


def test_defects_that_cannot_be_put_in_are_refused(tmp_path):
    with pytest.raises(InputError, match="markers need images of 64 pixels"):
        write_phantom_dataset(
            PhantomConfig(count=1, size=32), tmp_path / "d", defects=DefectConfig(markers=1)
        )
    with pytest.raises(InputError, match="two classes"):
        write_phantom_dataset(
            PhantomConfig(prevalence={}), tmp_path / "d", defects=DefectConfig(label_noise=0.1)
        )
    with pytest.raises(ValueError, match="duplicates must be in 0-1"):
        DefectConfig(duplicates=2)
    with pytest.raises(ValueError, match="change must be one of"):
        change_slightly(np.zeros((8, 8), np.uint8), "upside-down", np.random.default_rng(0))
    assert not (tmp_path / "d").exists()
