"""Training a head on embeddings: every class as often as any other, images beside their like."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from medx.core.training import one_cycle
from retrieval.config import AdaptConfig
from retrieval.encoders.base import Embeddings
from retrieval.evaluation.relevance import Relevance
from retrieval.training.adapter_model import AdapterModel
from retrieval.training.contrast import contrast


def train_adapter(
    model: AdapterModel,
    embeddings: Embeddings,
    labels: list[str],
    config: AdaptConfig,
    device: str,
) -> Iterator[float]:
    """Train a head and yield the mean loss after every epoch.

    Args:
        model: The head, on ``device``.
        embeddings: ``(N, dim)``, unit length.
        labels: N labels; several of one image are joined by ``|``.
        config: How.
        device: ``cpu``, ``cuda`` or ``mps``.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    inputs = torch.from_numpy(embeddings).to(device)
    relevance = Relevance(labels)
    _, member = np.unique(labels, return_inverse=True)
    weights = 1.0 / np.bincount(member)[member]
    steps = max(1, len(labels) // config.batch_size)
    rng = np.random.default_rng(config.seed)
    for epoch in range(config.epochs):
        model.train()
        losses = []
        for step in range(steps):
            rate = one_cycle(epoch * steps + step, config.epochs * steps, config.learning_rate)
            for group in optimizer.param_groups:
                group["lr"] = rate
            rows = rng.choice(len(labels), config.batch_size, p=weights / weights.sum())
            outputs = model(inputs[torch.from_numpy(rows).to(device)])
            # An image drawn twice must not be its own positive.
            itself = torch.from_numpy(rows[:, None] == rows).to(device)
            alike = torch.from_numpy(relevance.between(rows, rows[None, :])).to(device) & ~itself
            logits = (outputs @ outputs.T / config.temperature).masked_fill(itself, -1e4)
            loss = contrast(logits, alike)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        yield float(np.mean(losses))
