from collections import defaultdict

import numpy as np

from medx.datasets.phantoms.cxr import FINDINGS, PhantomConfig
from medx.datasets.phantoms.dataset import load_phantom_cxr, write_phantom_dataset

SMALL = PhantomConfig(count=60, size=48, seed=3)


def test_the_dataset_is_rendered_once_and_read_back():
    first = load_phantom_cxr(SMALL)
    again = load_phantom_cxr(SMALL)
    assert first.location == again.location
    assert first.records == again.records
    assert first.synthetic
    assert first.classes == ("normal", *FINDINGS)


def test_no_patient_stands_in_two_splits():
    splits = defaultdict(set)
    for record in load_phantom_cxr(SMALL).records:
        splits[record.group].add(record.split)
    assert all(len(found) == 1 for found in splits.values())


def test_boxes_lie_in_the_image_and_name_the_label():
    dataset = load_phantom_cxr(SMALL)
    for record in dataset.records:
        assert "|".join(box.label for box in record.boxes) in (record.label, "")
        for box in record.boxes:
            assert 0 <= box.x < box.x + box.width <= 48
            assert 0 <= box.y < box.y + box.height <= 48


def test_pixels_on_disk_are_the_rendered_ones(tmp_path):
    from medx.core.images import read_image
    from medx.datasets.phantoms.cxr import render_phantom

    write_phantom_dataset(PhantomConfig(count=2, size=32), tmp_path / "p")
    phantom = render_phantom(PhantomConfig(count=2, size=32), 1)
    read = read_image(tmp_path / "p" / "images" / f"{phantom.id}.png")
    assert np.array_equal(read.pixels, phantom.image)
