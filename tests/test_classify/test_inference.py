import torch

from classify.inference import compute_logits
from classify.model import CompactCNN


def test_an_image_and_its_mirror_image_get_the_same_answer_when_averaged():
    network, pixels = CompactCNN(2), torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    how = {"mean": torch.zeros(1), "std": torch.ones(1), "batch_size": 2}
    for tta, averaged in (("mirror", True), ("none", False)):
        plain = compute_logits(network, pixels, tta=tta, **how)
        mirrored = compute_logits(network, pixels.flip(-1), tta=tta, **how)
        assert averaged == torch.allclose(torch.tensor(plain), torch.tensor(mirrored), atol=1e-5)
