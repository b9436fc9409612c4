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

from classify.explanation.feature_maps import members_of
from classify.explanation.heatmaps import heatmaps
from classify.explanation.results import Sanity, SanityStep
from classify.predict import Classifier
from medx.core.console import warn
from medx.core.images import Pixels
from medx.core.statistics import bootstrap_interval

#: Steps after the first, which randomises the last layer alone.
STEPS = 4
#: Random networks to average over: one may agree or disagree with the trained one by chance.
DRAWS = 4
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
    names, shares = _describe_cascade(classifier.network)
    found = np.empty((DRAWS, len(names), len(pixels)))
    for draw in range(DRAWS):
        stranger = copy.copy(classifier)
        stranger.network = copy.deepcopy(classifier.network)
        generator = torch.Generator().manual_seed(seed + draw)
        for number, layers in enumerate(_cascade(stranger.network)):
            for _, layer in layers:
                randomise(layer, generator)
            doing = f"random weights, draw {draw + 1} of {DRAWS}, step {number + 1}"
            after = heatmaps(stranger, pixels, method=method, target=target, description=doing)
            found[draw, number] = list(map(rank_correlation, before, after))
    steps = [
        SanityStep(
            down_to=name,
            random_share=share,
            correlation=bootstrap_interval(np.mean, of_images, resamples=resamples, seed=seed),
        )
        for name, share, of_images in zip(names, shares, found.mean(axis=0), strict=True)
    ]
    last = steps[-1].correlation.estimate
    if last > LIMIT:
        warn(
            f"the {method} maps survive random weights (rank correlation {last:.2f}): "
            "they do not show what this network learned"
        )
    return Sanity(n=len(pixels), draws=DRAWS, steps=steps, limit=LIMIT, passed=last <= LIMIT)


def rank_correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Return Spearman's correlation of two maps; 0 where one is flat."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1)).prod()
    return float(centred[0] @ centred[1] / spread) if spread > 0 else 0.0


@torch.no_grad()
def randomise(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of a layer anew, with the mean and spread they had."""
    for parameter in layer.parameters(recurse=False):
        drawn = torch.randn(parameter.shape, generator=generator).to(parameter.device)
        parameter.copy_(parameter.mean() + parameter.std(correction=0) * drawn)


def _describe_cascade(network: nn.Module) -> tuple[list[str], list[float]]:
    """Return the last layer of each step, and the share of weights that are random by then."""
    cascade = _cascade(network)
    counts = [
        sum(p.numel() for _, layer in step for p in layer.parameters(recurse=False))
        for step in cascade
    ]
    shares = np.cumsum(counts) / sum(p.numel() for p in network.parameters())
    return [step[-1][0] for step in cascade], [float(share) for share in shares]


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
