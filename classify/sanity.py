"""A check of heat-maps: without the learned weights they must be other maps.

After Adebayo et al. 2018: weights are randomised from the last layer towards the image, and each
time the maps are compared with those of the trained network.
"""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import nn

from classify.explain_results import Sanity, SanityStep
from classify.feature_maps import members_of
from classify.heatmaps import heatmaps
from classify.predict import Classifier
from medx.core.console import warn
from medx.core.images import Pixels
from medx.core.statistics import bootstrap_interval

#: Steps after the first, which randomises the last layer alone.
STEPS = 4
#: Maps that agree more than this with those of random weights do not show what was learned.
LIMIT = 0.5


def check_sanity(
    classifier: Classifier,
    pixels: Pixels,
    *,
    method: str,
    target: npt.ArrayLike,
    seed: int,
    resamples: int,
) -> Sanity:
    """Compare maps before and after weights are randomised, layer by layer; warn if they survive.

    Args:
        classifier: It is not changed.
        pixels: ``uint8`` ``(N, S, S[, 3])``.
        method: One of ``METHODS``.
        target: Class indices ``(N,)``.
        seed: Of weights and bootstrap.
        resamples: Bootstrap samples.
    """
    before = heatmaps(
        classifier, pixels, method=method, target=target, description="maps as trained"
    )
    stranger = copy.copy(classifier)
    stranger.network = copy.deepcopy(classifier.network)
    generator = torch.Generator().manual_seed(seed)
    cascade = _cascade(stranger.network)
    total = sum(parameter.numel() for parameter in stranger.network.parameters())
    steps, randomised = [], 0
    for number, layers in enumerate(cascade, start=1):
        randomised += sum(randomise(layer, generator) for _, layer in layers)
        doing = f"randomising weights, step {number} of {len(cascade)}"
        after = heatmaps(stranger, pixels, method=method, target=target, description=doing)
        found = np.array([rank_correlation(a, b) for a, b in zip(before, after, strict=True)])
        steps.append(
            SanityStep(
                down_to=layers[-1][0],
                random_share=randomised / total,
                correlation=bootstrap_interval(np.mean, found, resamples=resamples, seed=seed),
            )
        )
    last = steps[-1].correlation.estimate
    if last > LIMIT:
        warn(
            f"the {method} maps survive random weights (rank correlation {last:.2f}): "
            "they do not show what this network learned"
        )
    return Sanity(n=len(pixels), steps=steps, limit=LIMIT, passed=last <= LIMIT)


def rank_correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Return Spearman's correlation of two maps; 0 where one is flat."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1)).prod()
    return float(centred[0] @ centred[1] / spread) if spread > 0 else 0.0


@torch.no_grad()
def randomise(layer: nn.Module, generator: torch.Generator) -> int:
    """Draw the weights of a layer anew, with the mean and spread they had; return how many."""
    count = 0
    for parameter in layer.parameters(recurse=False):
        drawn = torch.randn(parameter.shape, generator=generator).to(parameter.device)
        parameter.copy_(parameter.mean() + parameter.std(correction=0) * drawn)
        count += parameter.numel()
    return count


def _cascade(network: nn.Module) -> list[list[tuple[str, nn.Module]]]:
    """Return the layers of each step, of every member alike, last layers first."""
    steps: list[list[tuple[str, nn.Module]]] = [[] for _ in range(STEPS + 1)]
    for member in members_of(network):
        owners = [
            (name, module)
            for name, module in member.named_modules()
            if any(True for _ in module.parameters(recurse=False))
        ][::-1]
        steps[0].append(owners[0])
        edges = np.linspace(1, len(owners), STEPS + 1).round().astype(int)
        for step, (start, end) in enumerate(pairwise(edges), start=1):
            steps[step] += owners[start:end]
    return [step for step in steps if step]
