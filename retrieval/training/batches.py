"""What the `compact` encoder learns from: pools of images with facts, and batches out of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medx.core.console import progress_bar
from medx.core.errors import InputError
from medx.core.images import Pixels, resize
from medx.datasets.manifest import Dataset
from medx.datasets.phantoms.cxr import PhantomConfig, generate_phantoms
from retrieval.config import TrainEncoderConfig
from retrieval.encoders.vocabulary import Vocabulary
from retrieval.training.captions import (
    FINDING_WORDS,
    LABEL_FINDINGS,
    Facts,
    finding_of,
    match,
    write_text,
)


@dataclass(frozen=True, eq=False)
class Pool:
    """Images of one origin with what is known of them.

    Args:
        pixels: ``uint8`` ``(N, S, S)``.
        facts: N facts.
        captions: N whole captions, or empty strings.
    """

    pixels: Pixels
    facts: tuple[Facts, ...]
    captions: tuple[str, ...]

    def draw(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Return ``count`` rows, each finding as often as any other."""
        findings, inverse = np.unique([f.finding for f in self.facts], return_inverse=True)
        weights = 1.0 / np.bincount(inverse)[inverse] / len(findings)
        return rng.choice(len(self.facts), count, p=weights)


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Args:
        images: ``float32`` ``(B, 1, S, S)``, 0 to 1.
        ids: Token ids ``(B, L)`` of one text an image.
        true: bool ``(B, B)``; row i, column j: text i is true of image j.
        undecided: bool ``(B, B)``; nobody knows whether it is.
        alike: bool ``(B, B)``; both images have the same origin and finding.
    """

    images: Tensor
    ids: Tensor
    true: Tensor
    undecided: Tensor
    alike: Tensor


def draw_batches(
    config: TrainEncoderConfig, pools: list[Pool], vocabulary: Vocabulary, *, start: int = 0
) -> Iterator[Batch]:
    """Yield the batch of every step from ``start`` on; a step's batch depends on seed and step."""
    for step in range(start, config.steps):
        rng = np.random.default_rng((config.seed, step))
        rows = [pool.draw(config.batch_size // len(pools), rng) for pool in pools]
        drawn = [(pool, i) for pool, chosen in zip(pools, rows, strict=True) for i in chosen]
        truths = [pool.facts[i] for pool, i in drawn]
        texts, claims = zip(*(_text(pool, i, rng) for pool, i in drawn), strict=True)
        true, undecided = match(list(claims), truths)
        origin = np.repeat(np.arange(len(pools)), [len(r) for r in rows])
        findings = np.array([facts.finding for facts in truths])
        alike = (findings[:, None] == findings) & (origin[:, None] == origin)
        images = np.concatenate([p.pixels[r] for p, r in zip(pools, rows, strict=True)])
        yield Batch(
            images=torch.from_numpy(images)[:, None].float() / 255.0,
            ids=torch.from_numpy(vocabulary.encode(texts)),
            true=torch.from_numpy(true),
            undecided=torch.from_numpy(undecided),
            alike=torch.from_numpy(alike),
        )


def _text(pool: Pool, row: int, rng: np.random.Generator) -> tuple[str, Facts]:
    if pool.captions[row] and rng.random() < 0.35:
        return pool.captions[row], pool.facts[row]
    return write_text(pool.facts[row], rng)


def labelled_pool(dataset: Dataset, size: int) -> Pool:
    """Return the train split of labelled radiographs at ``size`` pixels; no captions.

    Raises:
        InputError: When the images are in colour, or a label names no finding there are words for.
    """
    hint = (
        f"train on grey radiographs labelled with: {', '.join([*FINDING_WORDS, *LABEL_FINDINGS])}"
    )
    if dataset.colour:
        raise InputError(f"{dataset.name} is in colour; the encoder reads grey images", hint=hint)
    for record in dataset.split("train").records:
        if not record.label:
            raise InputError(f"{record.id} of {dataset.name} has no label", hint=hint)
        if finding_of(record.label) not in FINDING_WORDS:
            raise InputError(f"no words are known for label {record.label!r}", hint=hint)
    loaded = dataset.split("train").load_pixels(size)
    facts = tuple(Facts(finding=finding_of(str(record.label))) for record in loaded.records)
    return Pool(loaded.pixels, facts, ("",) * len(facts))


def phantom_pool(config: TrainEncoderConfig, size: int) -> Pool:
    """Return freshly rendered phantoms at ``size`` pixels with their captions."""
    phantoms = PhantomConfig(count=config.phantoms, size=128, seed=config.phantom_seed)
    pixels, facts, captions = [], [], []
    with progress_bar("rendering phantoms", config.phantoms) as progress:
        for phantom in generate_phantoms(phantoms):
            pixels.append(resize(phantom.image, size))
            found = phantom.findings[0] if phantom.findings else None
            facts.append(
                Facts(finding=found.name, side=found.side, zone=found.zone, size=found.size)
                if found
                else Facts(finding="normal")
            )
            captions.append(phantom.caption)
            progress.advance(progress.task_ids[0])
    return Pool(np.stack(pixels), tuple(facts), tuple(captions))
