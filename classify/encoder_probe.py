"""A linear head on the embeddings of an encoder that classify itself does not know."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from classify.embedders import Embedder, Fingerprint
from medx.core.errors import CheckpointError

#: What the description of a probe calls its architecture.
ENCODER = "encoder-probe"


class EncoderProbe(nn.Module):
    """An encoder, which is never trained nor saved, under a linear head, which is.

    Its inputs are pixels as 0 to 1 without any further normalisation: the encoder has its own.
    """

    def __init__(self, embedder: Embedder, num_classes: int) -> None:
        super().__init__()
        self.embedder = embedder
        self.num_features = embedder.dim
        self.head = nn.Linear(embedder.dim, num_classes)

    def features(self, inputs: Tensor) -> Tensor:
        """Return embeddings ``(B, D)`` of images ``(B, channels, S, S)``."""
        pixels = (inputs.detach() * 255.0).round().clamp(0, 255).to(torch.uint8).cpu()
        shaped = pixels[:, 0] if pixels.shape[1] == 1 else pixels.permute(0, 2, 3, 1)
        embeddings = self.embedder.embed([image.contiguous().numpy() for image in shaped])
        return torch.from_numpy(embeddings).to(inputs.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits ``(B, C)``."""
        return cast(Tensor, self.head(self.features(inputs)))


def check_fingerprint(embedder: Embedder, fitted_on: Fingerprint) -> None:
    """Raise ``CheckpointError`` unless a probe was fitted on this very encoder."""
    for name, wanted in fitted_on.items():
        if (found := embedder.fingerprint.get(name)) != wanted:
            raise CheckpointError(
                f"the probe was fitted on another {embedder.name}: {name} was {wanted}, is {found}",
                hint="fit it again: medx classify train --recipe linear-probe "
                f"--encoder {embedder.name}",
            )
