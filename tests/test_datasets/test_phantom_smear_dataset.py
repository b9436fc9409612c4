import hashlib
import json

import numpy as np
import pytest

from medx.datasets.catalog import known_names, load_dataset
from medx.datasets.manifest_files import load_manifest
from medx.datasets.phantoms import smear_dataset
from medx.datasets.phantoms.smear import render_field
from medx.datasets.phantoms.smear_config import CATEGORIES, SmearConfig
from medx.datasets.phantoms.smear_dataset import write_smear_dataset

CONFIG = SmearConfig(count=24, width=160, height=128, seed=3, cells=30, fields_per_slide=2)


@pytest.fixture(scope="module")
def smear(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth") / "smear"
    write_smear_dataset(CONFIG, folder)
    return load_manifest(folder)


def entries_of(dataset, name):
    return json.loads((dataset.root / name).read_text())


def test_the_dataset_is_synthetic_and_reads_back(smear):
    assert smear.synthetic
    assert smear.colour
    assert "not for clinical use" in smear.description
    assert "seed 3, cells 30" in smear.description
    assert smear.classes == CATEGORIES
    field = render_field(CONFIG, 7)
    record = smear.find(field.id)
    assert np.array_equal(smear.read(record).pixels, field.image)
    assert (record.group, record.source) == (field.slide, field.lab)
    assert set(record.label.split("|")) == {found.category for found in field.objects}


def test_no_slide_stands_in_two_splits(smear):
    splits = {}
    for record in smear.records:
        splits.setdefault(record.group, set()).add(record.split)
    assert len(splits) == 12
    assert all(len(found) == 1 for found in splits.values())
    assert smear.splits == ("train", "val", "test")


def test_json_is_bbbc041s(smear):
    for name in ("training.json", "test.json"):
        for entry in entries_of(smear, name):
            assert entry.keys() == {"image", "objects"}
            image = entry["image"]
            assert image["shape"] == {"r": 128, "c": 160, "channels": 3}
            path = smear.root / image["pathname"].lstrip("/")
            assert image["checksum"] == hashlib.md5(path.read_bytes()).hexdigest()
            for found in entry["objects"]:
                low, high = found["bounding_box"]["minimum"], found["bounding_box"]["maximum"]
                assert 0 <= low["r"] < high["r"] <= 128
                assert 0 <= low["c"] < high["c"] <= 160
                assert found["category"] in CATEGORIES


def test_json_and_manifest_tell_the_same(smear):
    entries = {"training.json": ("train", "val"), "test.json": ("test",)}
    for name, splits in entries.items():
        told = {entry["image"]["pathname"]: entry for entry in entries_of(smear, name)}
        records = [r for r in smear.records if r.split in splits]
        assert told.keys() == {f"/{r.path}" for r in records}
        for record in records:
            boxes = [
                (o["category"], *o["bounding_box"]["minimum"].values())
                for o in told[f"/{record.path}"]["objects"]
            ]
            assert boxes == [(b.label, b.y, b.x) for b in record.boxes]


def test_writing_twice_gives_the_same_files_for_any_number_of_workers(tmp_path):
    config = SmearConfig(count=18, width=128, height=128, cells=10)
    for name, workers in (("one", 1), ("two", 2)):
        write_smear_dataset(config, tmp_path / name, workers=workers)
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two


def test_importing_the_json_gives_the_manifests_boxes(smear):
    from medx.datasets.importers.base import ImportOptions
    from medx.datasets.importers.bbbc041 import import_bbbc041

    imported = import_bbbc041(smear.root, ImportOptions())
    assert not imported.skipped
    known = {record.path: record.boxes for record in smear.records}
    assert {record.path: record.boxes for record in imported.records} == known


def test_jpeg_is_close_to_what_was_drawn(tmp_path):
    config = SmearConfig(count=1, width=160, height=128)
    write_smear_dataset(config, tmp_path / "d", jpeg=True)
    dataset = load_manifest(tmp_path / "d")
    read = dataset.read(dataset.records[0])
    assert read.facts["format"] == "JPEG"
    drawn = render_field(config, 0).image.astype(float)
    assert np.abs(read.pixels - drawn).mean() < 6


def test_the_built_in_dataset_is_rendered_once(monkeypatch):
    monkeypatch.setattr(
        smear_dataset.load_phantom_smear,
        "__defaults__",
        (SmearConfig(count=3, width=128, height=128),),
    )
    first, again = load_dataset("phantom-smear"), load_dataset("phantom-smear")
    assert first.records == again.records
    assert first.location == again.location
    assert first.name == "phantom-smear"
    assert "phantom-smear" in known_names()
