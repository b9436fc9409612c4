"""Focal loss (Lin et al. 2017): cross-entropy that leaves easy examples alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    alpha: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the multi-class (softmax) focal loss of each example, shape ``(B,)``.

    A soft target ``q`` (mixup, smoothing) gives ``Σ_c q_c α_c (1 - p_c)^γ (-log p_c)``, which is
    Lin's loss for a hard one.

    Args:
        logits: ``(B, C)``.
        target: Class indices ``(B,)``, or class probabilities ``(B, C)``.
        gamma: Focusing exponent >= 0; 0 is (weighted) cross-entropy.
        alpha: Class weights ``(C,)``, or None for 1 each.
        label_smoothing: Share of the target spread evenly over all classes, 0 to 1.

    Raises:
        ValueError: When the shapes do not fit.
    """
    soft = _soft_target(logits, target, label_smoothing)
    log_probs = F.log_softmax(logits, dim=1)
    loss = -soft * log_probs
    if gamma > 0:
        loss = loss * _one_minus_exp(log_probs) ** gamma
    return (loss if alpha is None else loss * alpha).sum(dim=1)


class FocalLoss(nn.Module):
    """Mean multi-class focal loss; see ``focal_loss``.

    Args:
        gamma: Focusing exponent >= 0.
        alpha: Class weights ``(C,)``, or None for 1 each.
        label_smoothing: Share of the target spread evenly over all classes, 0 to 1.
        adjustment: ``(C,)``, added to the logits in training alone; see ``logit_adjustment``.
    """

    alpha: Tensor | None
    adjustment: Tensor | None

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: Tensor | None = None,
        label_smoothing: float = 0.0,
        adjustment: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.label_smoothing = label_smoothing
        self.register_buffer("alpha", alpha)
        self.register_buffer("adjustment", adjustment)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the batch."""
        if self.adjustment is not None:
            logits = logits + self.adjustment
        return focal_loss(
            logits,
            target,
            gamma=self.gamma,
            alpha=self.alpha,
            label_smoothing=self.label_smoothing,
        ).mean()


def inverse_frequency_weights(target: Tensor, num_classes: int) -> Tensor:
    """Return class weights ``(C,)`` by inverse frequency whose mean over ``target`` is 1.

    A class that does not occur gets 0.
    """
    counts = torch.bincount(target, minlength=num_classes).double()
    return _weights_of(counts, counts)


def class_balanced_weights(target: Tensor, num_classes: int, beta: float) -> Tensor:
    """Return class weights ``(C,)`` by inverse effective number of images (Cui et al. 2019).

    ``n`` images count as ``(1 - beta^n) / (1 - beta)``: the more there are, the less each adds.
    The mean of the weights over ``target`` is 1; a class that does not occur gets 0.

    Args:
        target: Class indices ``(N,)``.
        num_classes: C.
        beta: 0 (all classes weigh alike) to below 1 (towards inverse frequency).
    """
    counts = torch.bincount(target, minlength=num_classes).double()
    return _weights_of((1.0 - beta**counts) / (1.0 - beta), counts)


def logit_adjustment(target: Tensor, num_classes: int, tau: float) -> Tensor:
    """Return ``tau * log(class prior)`` ``(C,)``, to add to logits in training.

    The network then learns logits that suit balanced classes (Menon et al. 2021). A class that
    does not occur counts as one image.

    Args:
        target: Class indices ``(N,)``.
        num_classes: C.
        tau: Strength >= 0; 1 makes the logits right for balanced error.
    """
    counts = torch.bincount(target, minlength=num_classes).double().clamp(min=1.0)
    return (tau * torch.log(counts / counts.sum())).float()


def _weights_of(numbers: Tensor, counts: Tensor) -> Tensor:
    weights = torch.where(counts > 0, 1.0 / numbers.clamp(min=torch.finfo(numbers.dtype).tiny), 0.0)
    return (weights * counts.sum() / (weights * counts).sum()).float()


def _soft_target(logits: Tensor, target: Tensor, label_smoothing: float) -> Tensor:
    batch, num_classes = logits.shape
    if target.shape not in {(batch,), (batch, num_classes)}:
        raise ValueError(
            f"target must have shape ({batch},) or ({batch}, {num_classes}), "
            f"got {tuple(target.shape)}"
        )
    if target.ndim == 1:
        target = F.one_hot(target, num_classes)
    return target.to(logits.dtype) * (1.0 - label_smoothing) + label_smoothing / num_classes


def _one_minus_exp(log_probs: Tensor) -> Tensor:
    # expm1 keeps 1 - p accurate (and never below 0) where p is close to 1. At exactly 0 the
    # gradient of a fractional power is infinite, so stay a rounding error away from it.
    return (-torch.expm1(log_probs)).clamp(min=torch.finfo(log_probs.dtype).eps)
