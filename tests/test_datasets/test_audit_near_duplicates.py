import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PILImage
from test_datasets.audit_data import clean_images, draw_image, record_of, write_records

from medx.datasets.audit import near_duplicates
from medx.datasets.audit.audit import audit_dataset
from medx.datasets.audit.near_duplicates import find_near_duplicates
from medx.datasets.audit.perceptual_hash import find_alike, perceptual_hashes
from medx.datasets.audit.scan import scan_dataset


def as_jpeg(pixels):
    buffer = io.BytesIO()
    PILImage.fromarray(pixels).save(buffer, "JPEG", quality=70)
    return np.asarray(PILImage.open(buffer))


def as_small(pixels):
    return np.asarray(PILImage.fromarray(pixels).resize((40, 40), PILImage.Resampling.BILINEAR))


def as_bright(pixels):
    return np.clip(pixels * 0.8 + 30, 0, 255).astype(np.uint8)


def as_colour(pixels):
    return np.repeat(pixels[..., None], 3, axis=2)


def find_in(dataset):
    return find_near_duplicates(scan_dataset(dataset), dataset.read)


@pytest.mark.parametrize("change", [as_jpeg, as_small, as_bright, as_colour, np.fliplr])
def test_changed_copies_are_found_and_nothing_else(tmp_path, change):
    images = clean_images(60)
    images[50] = (images[50][0], change(images[3][1]))
    found = find_in(write_records(tmp_path / "d", images))
    assert [pair[:2] for pair in found.pairs] == [(3, 50)]
    assert found.pairs[0][2] > 0.95


def test_two_images_are_enough(tmp_path):
    images = [(record_of(0), draw_image(0)), (record_of(1), as_jpeg(draw_image(0)))]
    found = find_in(write_records(tmp_path / "d", images))
    assert [pair[:2] for pair in found.pairs] == [(0, 1)]


def test_pairs_of_two_splits_are_warnings(tmp_path):
    images = clean_images(30)
    train, val = (next(r for r, _ in images if r.split == s) for s in ("train", "val"))
    images[2] = (replace(images[2][0], split="train"), as_jpeg(images[0][1]))
    row = [r for r, _ in images].index(val)
    images[row] = (val, as_bright(images[0][1]))
    found = {f.check: f for f in audit_dataset(write_records(tmp_path / "d", images)).findings}
    across, within = found["near-duplicates-across-splits"], found["near-duplicates"]
    assert (across.severity, within.severity) == ("warning", "info")
    assert [i.ids for i in within.instances] == [[train.id, "i002"]]
    assert {tuple(i.ids) for i in across.instances} == {(train.id, val.id), ("i002", val.id)}


def test_exact_copies_are_not_near_ones(tmp_path):
    images = [(record_of(i), draw_image(i // 2)) for i in range(20)]
    assert find_in(write_records(tmp_path / "d", images)).pairs == ()


def test_the_index_finds_what_comparing_all_pairs_finds():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (60, 8), dtype=np.uint8)
    near = np.repeat(hashes, 20, axis=0)
    bits = np.unpackbits(near, axis=1)
    bits ^= rng.random(bits.shape) < 0.06
    hashes = np.packbits(bits, axis=1)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(-1)
    expected = set(zip(*np.nonzero(np.triu(distance <= 6, 1)), strict=True))
    found = set()
    for first, second in find_alike(hashes):
        found |= set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(expected) > 1000
    assert found == expected


def test_hashes_ignore_brightness_and_contrast():
    thumbnails = np.stack([draw_image(i, 32) for i in range(20)])
    changed = (thumbnails * 0.5 + 20).astype(np.uint8)
    distance = np.bitwise_count(perceptual_hashes(thumbnails) ^ perceptual_hashes(changed)).sum(1)
    assert distance.max() <= 4


def test_what_looks_like_everything_is_set_aside_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(near_duplicates, "MOST_SHARING", 3)
    images = [(record_of(i), as_bright(draw_image(0)) + np.uint8(i)) for i in range(6)]
    audit = audit_dataset(write_records(tmp_path / "d", images))
    found = {f.check: f.count for f in audit.findings}
    assert found["near-duplicates-uncompared"] == 6
    assert "near-duplicates" not in found
