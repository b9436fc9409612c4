import pytest
import torch

from medx.datasets.augment import apply_augmentation, augment, choose_augmentation, seed_step

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


@pytest.mark.parametrize("channels", [1, 3])
def test_a_smear_is_changed_by_the_step_alone_and_each_image_its_own_way(channels):
    images = torch.rand(1, channels, 20, 20).expand(5, -1, -1, -1)
    seed_step(0, 1, 2)
    first = apply_augmentation("microscopy", images)
    seed_step(0, 1, 2)
    assert torch.equal(first, apply_augmentation("microscopy", images))
    assert first.shape == images.shape
    assert torch.isfinite(first).all()
    assert not torch.allclose(first[0], first[1])


def test_a_smear_has_no_up_and_no_side():
    seed_step(0, 0, 0)
    down = RAMP[:, None].expand(64, 1, 32, 32)
    turned = apply_augmentation("microscopy", down)
    for axis in (2, 3):
        first, second = turned.chunk(2, dim=axis)
        rising = (second.mean((1, 2, 3)) > first.mean((1, 2, 3))).float().mean()
        assert 0.25 < rising < 0.75


def test_stain_changes_colours_but_white_light_stays_nearly_white():
    seed_step(0, 0, 0)
    white = apply_augmentation("microscopy", torch.ones(32, 3, 16, 16))
    stained = apply_augmentation("microscopy", torch.full((32, 3, 16, 16), 0.5))
    assert (white.mean((2, 3)) - white.mean((1, 2, 3))[:, None]).abs().max() < 0.02
    assert (stained.mean((2, 3)) - stained.mean((1, 2, 3))[:, None]).abs().max() > 0.02


def test_none_leaves_images_as_they_are():
    images = torch.rand(2, 1, 8, 8)
    assert apply_augmentation("none", images) is images


@pytest.mark.parametrize(
    ("wanted", "modality", "colour", "name", "reason"),
    [
        ("none", "blood smear, microscopy", True, "none", "as set"),
        (None, "blood smear, microscopy", True, "microscopy", "by modality"),
        (None, "kidney cortex, microscopy", False, "microscopy", "by modality"),
        (None, "Chest X-ray", True, "radiograph", "by modality"),
        (None, "abdominal CT, axial slice", False, "radiograph", "by modality"),
        (None, "dermatoscopy", True, "microscopy", "in colour"),
        (None, "", False, "radiograph", "grey"),
    ],
)
def test_the_set_goes_by_modality_then_by_colour(wanted, modality, colour, name, reason):
    found, why = choose_augmentation(wanted, modality, colour=colour)
    assert found == name
    assert reason in why


def test_wide_goes_by_the_modality_too():
    assert choose_augmentation("wide", "chest radiograph", colour=False)[0] == "radiograph-wide"
    assert choose_augmentation("wide", "blood smear", colour=True)[0] == "microscopy"
    assert choose_augmentation("none", "blood smear", colour=True) == ("none", "as set")
