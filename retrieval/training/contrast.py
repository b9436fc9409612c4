"""Contrast with any number of positives a row."""

from __future__ import annotations

from torch import Tensor


def contrast(logits: Tensor, positive: Tensor) -> Tensor:
    """Return the mean over rows of the mean log-likelihood of their positives, negated.

    Over similarities of images it is the supervised contrastive loss (Khosla et al. 2020, positives
    averaged outside of the logarithm), over texts and images that of UniCL (Yang et al. 2022).

    Args:
        logits: ``(N, M)``.
        positive: bool ``(N, M)``; a row without any does not count.
    """
    log_probs = logits.log_softmax(1)
    count = positive.sum(1)
    rows = -(log_probs * positive).sum(1) / count.clamp(min=1)
    return rows[count > 0].mean()
