import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import sigmoid_focal_loss

from classify.training.losses import (
    FocalLoss,
    class_balanced_weights,
    focal_loss,
    inverse_frequency_weights,
    logit_adjustment,
)


def random_batch(seed, *, batch=12, classes=4, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, classes, generator=generator, dtype=torch.float64) * scale
    return logits, torch.randint(0, classes, (batch,), generator=generator)


def reference(logits, soft, gamma, alpha):
    """Lin et al. 2017, eq. 5, as written there."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = shifted / shifted.sum(axis=1, keepdims=True)
    return (-soft * alpha * (1 - probs) ** gamma * np.log(probs)).sum(axis=1)


def test_gamma_zero_is_cross_entropy():
    logits, target = random_batch(0)
    weights = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    expected = F.cross_entropy(logits, target, weight=weights, reduction="none")
    torch.testing.assert_close(focal_loss(logits, target, gamma=0, alpha=weights), expected)


def test_gamma_zero_with_smoothing_is_smoothed_cross_entropy():
    logits, target = random_batch(1)
    expected = F.cross_entropy(logits, target, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(focal_loss(logits, target, gamma=0, label_smoothing=0.1), expected)


@given(
    seed=st.integers(0, 10_000),
    gamma=st.floats(0, 5),
    classes=st.integers(2, 6),
    smoothing=st.floats(0, 0.5),
)
@settings(max_examples=50, deadline=None)
def test_multi_class_is_the_papers_formula(seed, gamma, classes, smoothing):
    logits, target = random_batch(seed, classes=classes)
    alpha = torch.linspace(0.2, 2.0, classes, dtype=torch.float64)
    soft = np.eye(classes)[target] * (1 - smoothing) + smoothing / classes
    expected = reference(logits.numpy(), soft, gamma, alpha.numpy())
    found = focal_loss(logits, target, gamma=gamma, alpha=alpha, label_smoothing=smoothing)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_two_logits_are_torchvisions_one_logit_of_their_difference(gamma, alpha):
    logits, target = random_batch(2, classes=2)
    expected = sigmoid_focal_loss(
        logits[:, 1] - logits[:, 0],
        target.double(),
        alpha=-1 if alpha is None else alpha,
        gamma=gamma,
    )
    weights = None if alpha is None else torch.tensor([1 - alpha, alpha], dtype=torch.float64)
    found = focal_loss(logits, target, gamma=gamma, alpha=weights)
    torch.testing.assert_close(found, expected)


def test_a_mixed_target_costs_the_mix_of_its_parts():
    logits, target = random_batch(4)
    one_hot = F.one_hot(target, 4).double()
    mixed = focal_loss(logits, 0.3 * one_hot + 0.7 * one_hot.roll(1, 1), gamma=1.5)
    parts = 0.3 * focal_loss(logits, target, gamma=1.5)
    parts = parts + 0.7 * focal_loss(logits, (target + 1) % 4, gamma=1.5)
    torch.testing.assert_close(mixed, parts)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_those_of_the_function(gamma):
    logits, target = random_batch(5, batch=4, scale=1.0)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, target, gamma=gamma), logits)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_certain_answers_leave_finite_gradients(gamma):
    logits = torch.tensor([[80.0, -80.0], [-80.0, 80.0]], requires_grad=True)
    loss = FocalLoss(gamma=gamma)(logits, torch.tensor([0, 0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_easy_examples_weigh_less_the_larger_gamma():
    easy = torch.tensor([[4.0, 0.0]])
    losses = [float(focal_loss(easy, torch.tensor([0]), gamma=g)) for g in (0, 1, 2)]
    assert losses[0] > losses[1] > losses[2]


def test_the_module_is_the_mean_of_the_function():
    logits, target = random_batch(6)
    alpha = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    module = FocalLoss(gamma=2.0, alpha=alpha, label_smoothing=0.1)
    each = focal_loss(logits, target, gamma=2.0, alpha=alpha, label_smoothing=0.1)
    torch.testing.assert_close(module(logits, target), each.mean())


def test_balanced_weights_give_each_class_the_same_say():
    target = torch.tensor([0] * 6 + [1] * 3 + [3])
    weights = inverse_frequency_weights(target, 4)
    shares = weights * torch.bincount(target, minlength=4)
    torch.testing.assert_close(shares, torch.tensor([10 / 3, 10 / 3, 0.0, 10 / 3]))


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999999])
def test_class_balanced_weights_are_of_the_effective_number_of_images(beta):
    counts = np.array([60, 5, 0, 1])
    target = torch.from_numpy(np.repeat(np.arange(4), counts))
    weights = class_balanced_weights(target, 4, beta).numpy()
    effective = np.array([sum(beta**i for i in range(n)) for n in counts])
    expected = np.where(counts > 0, 1 / np.maximum(effective, 1), 0)
    np.testing.assert_allclose(weights, expected * 66 / (expected @ counts), rtol=1e-4)
    assert (weights @ counts) / 66 == pytest.approx(1)


def test_class_balanced_weights_lie_between_none_and_inverse_frequency():
    target = torch.tensor([0] * 9 + [1])
    close = class_balanced_weights(target, 2, 1 - 1e-9)
    torch.testing.assert_close(close, inverse_frequency_weights(target, 2), rtol=1e-3, atol=0)
    torch.testing.assert_close(class_balanced_weights(target, 2, 0.0), torch.ones(2))


def test_logit_adjustment_adds_the_log_prior_in_training():
    target = torch.tensor([0] * 8 + [1] * 2)
    logits = torch.randn(10, 2)
    adjustment = logit_adjustment(target, 2, 1.5)
    loss = FocalLoss(gamma=0.0, adjustment=adjustment)(logits, target)
    prior = torch.tensor([0.8, 0.2])
    expected = F.cross_entropy(logits + 1.5 * prior.log(), target)
    torch.testing.assert_close(loss, expected)
    assert torch.isfinite(logit_adjustment(target, 3, 1.0)).all()


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"target must have shape \(2,\) or \(2, 3\)"):
        focal_loss(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long))
