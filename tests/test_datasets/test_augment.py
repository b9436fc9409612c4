import torch

from medx.datasets.augment import apply_augmentation, augment, seed_step

RAMP = torch.linspace(0.2, 0.8, 32)


def test_the_same_step_changes_images_the_same_way():
    images = torch.rand(4, 1, 32, 32)
    seed_step(0, 1, 2)
    first = augment(images, horizontal_flip=True)
    seed_step(0, 1, 2)
    assert torch.equal(first, augment(images, horizontal_flip=True))
    seed_step(0, 1, 3)
    assert not torch.equal(first, augment(images, horizontal_flip=True))


def test_each_image_of_a_batch_is_changed_its_own_way():
    seed_step(0, 0, 0)
    changed = augment(torch.rand(1, 1, 32, 32).expand(3, -1, -1, -1), horizontal_flip=False)
    assert not torch.equal(changed[0], changed[1])
    assert changed.shape == (3, 1, 32, 32)


def test_up_stays_up_and_left_stays_left_unless_mirroring_is_asked_for():
    seed_step(0, 0, 0)
    down = RAMP[:, None].expand(64, 1, 32, 32)
    across = RAMP[None, :].expand(64, 1, 32, 32)
    moved = augment(down, horizontal_flip=True)
    assert (moved[:, 0, -4:].mean((1, 2)) > moved[:, 0, :4].mean((1, 2))).all()
    kept = augment(across, horizontal_flip=False)
    assert (kept[..., -4:].mean((1, 2, 3)) > kept[..., :4].mean((1, 2, 3))).all()
    mirrored = augment(across, horizontal_flip=True)
    share = (mirrored[..., -4:].mean((1, 2, 3)) < mirrored[..., :4].mean((1, 2, 3))).float().mean()
    assert 0.25 < share < 0.75


def test_the_wide_set_goes_further_and_keeps_sides():
    across = RAMP[None, :].expand(64, 1, 32, 32)
    far = {}
    for name in ("radiograph", "radiograph-wide"):
        seed_step(0, 0, 0)
        changed = apply_augmentation(name, across)
        assert (changed[..., -6:].mean((1, 2, 3)) > changed[..., :6].mean((1, 2, 3))).all()
        far[name] = (changed - across).abs().mean()
    assert far["radiograph-wide"] > 1.5 * far["radiograph"]
