"""The whole way from pixels to calibrated probabilities as one graph."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from classify.data import as_unit, normalise
from classify.inference import views
from classify.predict import Classifier


class ExportGraph(nn.Module):
    """A classifier as one module on the CPU: normalisation, views and calibration inside.

    Args:
        classifier: The model; it is copied.
    """

    mean: Tensor
    std: Tensor
    stretch: Tensor
    offset: Tensor

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        about = classifier.description
        # In torch's plain layout: its archives cannot hold another.
        self.network = copy.deepcopy(classifier.network)
        self.network.to("cpu", memory_format=torch.contiguous_format)
        self.colour = about.colour
        self.tta = about.tta
        # Every calibration is affine by class: its values at 0 and 1 say all of it.
        at = about.calibration.scaled(np.array([[0.0], [1.0]]) * np.ones(len(about.classes)))
        self.register_buffer("mean", torch.tensor(about.mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(about.std, dtype=torch.float32))
        self.register_buffer("stretch", torch.tensor(at[1] - at[0], dtype=torch.float32))
        self.register_buffer("offset", torch.tensor(at[0], dtype=torch.float32))
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """Return probabilities ``(N, C)`` of ``uint8`` pixels ``(N, S, S[, 3])``."""
        images = pixels.permute(0, 3, 1, 2) if self.colour else pixels[:, None]
        inputs = normalise(as_unit(images), self.mean, self.std)
        # All views as one batch: a graph that held the network once a view would be views larger.
        seen = list(views(inputs, self.tta))
        logits = self.network(torch.cat(seen)).unflatten(0, (len(seen), -1)).mean(dim=0)
        return torch.softmax(logits.float() * self.stretch + self.offset, dim=1)
