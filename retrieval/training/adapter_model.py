"""The torch twin of ``retrieval.encoders.adapter_head``, for training it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from retrieval.config import AdaptConfig


class AdapterModel(nn.Module):
    """A head over unit-length embeddings; before training it changes nothing."""

    def __init__(self, dim: int, config: AdaptConfig) -> None:
        super().__init__()
        self._dropout = config.dropout
        if config.head == "linear":
            self.turn = nn.Linear(dim, dim, bias=False)
            nn.init.eye_(self.turn.weight)
            return
        self.up = nn.Linear(dim, config.hidden)
        self.down = nn.Linear(config.hidden, dim)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Map embeddings ``(N, dim)`` to adapted ones of unit length."""
        if hasattr(self, "turn"):
            return functional.normalize(self.turn(embeddings), dim=1)
        hidden = functional.relu(self.up(embeddings * math.sqrt(embeddings.shape[1])))
        hidden = functional.dropout(hidden, self._dropout, self.training)
        return functional.normalize(embeddings + self.down(hidden), dim=1)

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return a copy of the weights."""
        with torch.no_grad():
            return {name: t.cpu().numpy().copy() for name, t in self.state_dict().items()}
