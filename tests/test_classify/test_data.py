from dataclasses import replace

import numpy as np
import pytest
import torch

from classify.data import (
    as_tensor,
    as_unit,
    channel_statistics,
    load_images,
    native_size,
    normalise,
    training_splits,
)
from medx.core.errors import InputError
from medx.datasets.manifest_files import load_manifest


def relabelled(dataset, label):
    return replace(dataset, records=tuple(replace(r, label=label(r)) for r in dataset.records))


def test_images_arrive_once_with_their_labels(three_class):
    train = load_manifest(three_class).split("train")
    images = load_images(train, 20, description="reading")
    assert images.pixels.shape == (45, 1, 20, 20)
    assert images.pixels.dtype == torch.uint8
    assert images.target.tolist() == train.targets().tolist()


def test_statistics_are_numpys_on_unit_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    mean, std = channel_statistics(as_tensor(pixels))
    np.testing.assert_allclose(mean, (pixels / 255).mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(std, (pixels / 255).std(axis=(0, 1, 2)))


def test_black_images_do_not_divide_by_zero():
    pixels = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    mean, std = (torch.tensor(v) for v in channel_statistics(pixels))
    assert torch.isfinite(normalise(as_unit(pixels), mean, std)).all()


def test_normalised_images_have_mean_zero_and_deviation_one():
    pixels = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
    mean, std = (torch.tensor(v) for v in channel_statistics(pixels))
    images = normalise(as_unit(pixels), mean, std)
    torch.testing.assert_close(images.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(images.std((0, 2, 3)), torch.ones(3).double(), atol=1e-3, rtol=0)


def test_one_class_is_not_enough(two_class):
    dataset = replace(relabelled(load_manifest(two_class), lambda r: "only"), classes=("only",))
    with pytest.raises(InputError, match=r"has 1 class \(only\)"):
        training_splits(dataset)


def test_a_split_of_one_class_is_named(two_class):
    dataset = relabelled(
        load_manifest(two_class), lambda r: "normal" if r.split == "val" else r.label
    )
    with pytest.raises(InputError, match="val split of two holds only 'normal'"):
        training_splits(dataset)


def test_several_labels_an_image_are_refused(two_class):
    dataset = relabelled(load_manifest(two_class), lambda r: "normal|pneumonia")
    with pytest.raises(InputError, match="several labels"):
        training_splits(dataset)


def test_an_unlabelled_split_is_refused(two_class):
    dataset = relabelled(load_manifest(two_class), lambda r: None)
    with pytest.raises(InputError, match="has a label"):
        training_splits(dataset)


def test_images_without_a_label_are_left_out_of_training_and_counted(two_class, capsys):
    dataset = load_manifest(two_class)
    first = dataset.split("train").records[0].id
    partly = relabelled(dataset, lambda r: None if r.id == first else r.label)
    train, val = training_splits(partly)
    assert train.records == partly.split("train").records[1:]
    assert val.records == partly.split("val").records
    assert "left out of train, for want of a label: 1 image of" in capsys.readouterr().err


def test_a_missing_split_is_named(two_class):
    dataset = load_manifest(two_class).split("train")
    with pytest.raises(InputError, match="has no val split") as raised:
        training_splits(dataset)
    assert raised.value.hint.endswith(f"make them with: medx data split {two_class} --force")
    dataset = load_manifest(two_class).where(lambda record: record.split != "val")
    with pytest.raises(InputError, match="has no val split") as raised:
        training_splits(dataset)
    assert raised.value.hint.endswith("--holdout split=test --force")


def test_a_class_absent_from_a_split_is_a_warning(three_class, capfd):
    dataset = load_manifest(three_class)
    training_splits(dataset.where(lambda r: not (r.split == "val" and r.label == "ring")))
    assert "val split has no image of ring" in capfd.readouterr().err


def test_the_native_size_is_the_first_readable_images(two_class, tmp_path):
    dataset = load_manifest(two_class)
    assert native_size(dataset) == 28
    missing = replace(dataset.records[0], path="gone.png")
    assert native_size(replace(dataset, records=(missing, *dataset.records[1:]))) == 28
    with pytest.raises(InputError, match="no readable image"):
        native_size(replace(dataset, records=(missing,)))
