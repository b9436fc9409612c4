import pytest
import torch

from classify.inference import compute_logits, views
from classify.model import CompactCNN


def test_an_image_and_its_mirror_image_get_the_same_answer_when_averaged():
    network, pixels = CompactCNN(2), torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    how = {"mean": torch.zeros(1), "std": torch.ones(1), "batch_size": 2}
    for tta, averaged in (("mirror", True), ("none", False)):
        plain = compute_logits(network, pixels, tta=tta, **how)
        mirrored = compute_logits(network, pixels.flip(-1), tta=tta, **how)
        assert averaged == torch.allclose(torch.tensor(plain), torch.tensor(mirrored), atol=1e-5)


def test_shifted_views_are_the_image_a_pixel_off_and_a_little_nearer_and_further():
    images = torch.rand(2, 1, 28, 28)
    plain, left, right, up, down, near, far = views(images, "shifts")
    assert plain is images
    torch.testing.assert_close(left[..., :-1], images[..., 1:], atol=1e-4, rtol=0)
    torch.testing.assert_close(right[..., 1:], images[..., :-1], atol=1e-4, rtol=0)
    torch.testing.assert_close(up[..., :-1, :], images[..., 1:, :], atol=1e-4, rtol=0)
    torch.testing.assert_close(down[..., 1:, :], images[..., :-1, :], atol=1e-4, rtol=0)
    assert near.shape == far.shape == images.shape
    assert (near - images).abs().mean() > 0.01


@pytest.mark.parametrize("count", [1, 2, 9])
def test_what_is_averaged_are_the_logits_of_all_views(count):
    network, pixels = CompactCNN(3).eval(), torch.randint(0, 256, (count, 1, 28, 28)).byte()
    how = {"mean": torch.zeros(1), "std": torch.ones(1), "batch_size": 9}
    found = compute_logits(network, pixels, tta="shifts", **how)
    with torch.no_grad():
        each = [network(view) for view in views(pixels / 255.0, "shifts")]
    torch.testing.assert_close(torch.tensor(found), torch.stack(each).mean(0))


def test_unknown_views_are_refused():
    with pytest.raises(ValueError, match="tta must be"):
        list(views(torch.zeros(1, 1, 28, 28), "spins"))
