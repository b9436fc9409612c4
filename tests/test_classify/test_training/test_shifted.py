import numpy as np
import pytest
import torch

from classify.training.shifted import shifted_copy


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(30, 220, (12, 1, 16, 16), dtype=np.uint8))


def test_a_copy_is_of_the_same_kind_and_another_with_another_seed(images):
    copy = shifted_copy(images, seed=1)
    assert (copy.shape, copy.dtype) == (images.shape, torch.uint8)
    assert torch.equal(copy, shifted_copy(images, seed=1))
    assert not torch.equal(copy, shifted_copy(images, seed=2))
    assert (copy != images).any(dim=(1, 2, 3)).float().mean() > 0.7  # a light blur changes nothing


def test_colour_stays_in_its_channels(images):
    red = torch.cat([images, torch.zeros_like(images), torch.zeros_like(images)], dim=1)
    copy = shifted_copy(red, seed=0).float().mean(dim=(2, 3))
    assert copy.shape == (12, 3)
    assert (copy[:, 0] > copy[:, 1]).all()


def test_what_is_in_the_image_stays_where_it_is(images):
    images[:, :, :8] //= 8
    copy = shifted_copy(images, seed=3).float()
    assert (copy[:, :, :8].mean(dim=(1, 2, 3)) < copy[:, :, 8:].mean(dim=(1, 2, 3))).all()
