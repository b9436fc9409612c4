from dataclasses import replace

import numpy as np
import pytest
from test_datasets.audit_data import clean_images, draw_image, record_of, write_records
from test_datasets.planted_copies import COPIES, shifted

from medx.core.pixels import Image
from medx.datasets.audit import moved_copies
from medx.datasets.audit.audit import audit_dataset
from medx.datasets.audit.near_duplicates import find_near_duplicates
from medx.datasets.audit.scan import scan_dataset
from medx.datasets.manifest import Dataset, Record
from medx.datasets.medmnist import load_medmnist
from medx.datasets.phantoms.config import PhantomConfig
from medx.datasets.phantoms.cxr import generate_phantoms


def plant(images, of_each):
    """Return a dataset of the images and changed copies of some, and which copies which how."""
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(images))[: of_each * len(COPIES)]
    planted = {}
    pixels = list(images)
    for original, name in zip(chosen.tolist(), list(COPIES) * of_each, strict=True):
        planted[original, len(pixels)] = name
        pixels.append(COPIES[name](images[original]))
    records = tuple(
        Record(id=f"{i}", path=f"{i}", group=f"patient-{i}") for i in range(len(pixels))
    )

    def read(record):
        return Image(pixels=pixels[int(record.id)])

    dataset = Dataset(name="d", records=records, classes=(), location="memory", reader=read)
    return dataset, planted


def found_share(found, planted):
    hits = {pair[:2] for pair in found.pairs}
    names = list(planted.values())
    return {
        name: sum(planted[pair] == name for pair in hits & planted.keys()) / names.count(name)
        for name in COPIES
    }


def test_copies_of_phantoms_are_found_and_no_two_different_ones():
    config = PhantomConfig(count=200, size=128, seed=3, images_per_patient=1)
    dataset, planted = plant([p.image for p in generate_phantoms(config)], of_each=12)
    found = find_near_duplicates(scan_dataset(dataset), dataset.read)
    assert found_share(found, planted) == dict.fromkeys(COPIES, 1.0)
    assert {pair[:2] for pair in found.pairs} <= planted.keys()


def test_copies_of_real_films_are_found_and_no_two_different_ones(real_data):
    films = load_medmnist("pneumoniamnist", data_dir=real_data, download=False)
    images = [films.read(record).pixels for record in films.records[:700]]
    first = {image.tobytes(): image for image in images}  # it repeats some
    dataset, planted = plant(list(first.values()), of_each=25)
    found = find_near_duplicates(scan_dataset(dataset), dataset.read)
    shares = found_share(found, planted)
    assert shares.pop("resized") >= 0.6  # 28 pixels become 16: most of the film is lost
    assert min(shares.values()) >= 0.95
    assert {pair[:2] for pair in found.pairs} <= planted.keys()


def test_two_images_are_enough_and_how_they_agree_is_said(tmp_path):
    images = [(record_of(i, group=f"p{i}"), draw_image(0, 96)) for i in range(2)]
    images[1] = (replace(images[1][0], split="test"), shifted(0.04)(images[0][1]))
    audit = audit_dataset(write_records(tmp_path / "d", images))
    warning = next(f for f in audit.findings if f.check == "near-duplicates-across-splits")
    assert warning.instances[0].detail.endswith(" once aligned")


def test_two_films_of_one_patient_are_no_copies(tmp_path):
    images = clean_images(30, 96)
    images[1] = (images[1][0], shifted(0.04)(images[0][1]))
    assert images[0][0].group == images[1][0].group
    dataset = write_records(tmp_path / "d", images)
    assert find_near_duplicates(scan_dataset(dataset), dataset.read).pairs == ()


@pytest.mark.parametrize("side", [40, 96])
def test_only_large_enough_images_are_read_again(tmp_path, side):
    images = clean_images(30, side)
    images[5] = (images[5][0], shifted(0.04)(images[0][1]))
    dataset = write_records(tmp_path / "d", images)
    read = []

    def count(record):
        read.append(record.id)
        return dataset.read(record)

    pairs = find_near_duplicates(scan_dataset(dataset), count).pairs
    assert [pair[:2] for pair in pairs] == [(0, 5)]
    assert pairs[0].moved
    assert sorted(read) == (["i000", "i005"] if side >= moved_copies.CLOSE_UP else [])
