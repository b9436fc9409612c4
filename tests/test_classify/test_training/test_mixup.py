import torch

from classify.training.mixup import blend, cutmix, mixup


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


def test_a_box_of_another_image_brings_its_share_of_the_target():
    torch.manual_seed(0)
    target = torch.eye(6)
    images = target[:, :, None, None].expand(6, 6, 9, 7).clone()
    for _ in range(20):
        mixed, soft = cutmix(images, target, 1.0)
        torch.testing.assert_close(mixed.mean(dim=(2, 3)), soft)
        assert set(mixed.unique().tolist()) <= {0.0, 1.0}  # pixels are moved, not blended


def test_where_both_are_on_each_step_draws_one():
    torch.manual_seed(0)
    images, target = torch.rand(8, 1, 5, 5), torch.eye(8)
    kinds = set()
    for _ in range(20):
        mixed, _ = blend(images, target, mixup_alpha=1.0, cutmix_alpha=1.0)
        kinds.add(bool(torch.isin(mixed, images).all()))
    assert kinds == {True, False}
    assert blend(images, target, mixup_alpha=0.0, cutmix_alpha=0.0)[0] is images
