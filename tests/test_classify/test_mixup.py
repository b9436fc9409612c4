import torch

from classify.mixup import mixup


def test_image_and_target_are_blended_by_the_same_share():
    torch.manual_seed(0)
    target = torch.eye(6)
    images = target[:, :, None, None].clone()  # an image that shows its own target
    mixed, soft = mixup(images, target, 0.4)
    torch.testing.assert_close(mixed[:, :, 0, 0], soft)
    assert not torch.equal(soft, target)


def test_targets_stay_probabilities():
    target = torch.softmax(torch.randn(16, 5), dim=1)
    _, soft = mixup(torch.zeros(16, 1, 4, 4), target, 0.2)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(16))
    assert (soft >= 0).all()


def test_zero_changes_nothing():
    images, target = torch.rand(4, 1, 2, 2), torch.eye(4)
    mixed, soft = mixup(images, target, 0.0)
    assert mixed is images
    assert soft is target
