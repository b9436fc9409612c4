"""How near an encoder at another runtime or precision stays to the original."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from medx.core.images import Pixels
from medx.core.values import Value
from retrieval.encoders.base import Embeddings, Encoder

TOP_K = 10
BATCH = 8

#: Embeddings that differ by no more are taken for the same.
SAME = 1e-4


class Sample(NamedTuple):
    """Images and texts that two encoders are compared on."""

    name: str
    synthetic: bool
    images: Sequence[Pixels]
    texts: Sequence[str]


class Embedded(NamedTuple):
    """A sample's embeddings, each of unit length."""

    images: Embeddings
    texts: Embeddings


class Agreement(Value):
    """Cosines between two embeddings of the same things."""

    count: int
    mean_cosine: float
    worst_cosine: float
    largest_difference: float
    top10_overlap: float

    def __str__(self) -> str:
        return (
            f"cosine mean {self.mean_cosine:.5f}, worst {self.worst_cosine:.5f}, "
            f"top-{TOP_K} overlap {self.top10_overlap:.3f}"
        )


class Fidelity(Value):
    """Agreement with the original at fp32.

    ``top10_overlap`` is the mean share of the ten nearest images of the sample that are the same:
    for images those of each other image, for texts those of each text.
    """

    compared_with: str
    sample: str
    synthetic: bool
    images: Agreement
    texts: Agreement | None = Field(description="None where the encoder takes no words.")

    @property
    def largest_difference(self) -> float:
        """The largest difference of any value of any embedding."""
        pairs = [pair for pair in (self.images, self.texts) if pair]
        return max(pair.largest_difference for pair in pairs)

    @property
    def same(self) -> bool:
        """Whether the embeddings can be mixed with the original's."""
        return self.largest_difference <= SAME

    def __str__(self) -> str:
        kind = "synthetic images" if self.synthetic else "images"
        told = f"{self.compared_with}, {self.images.count} {kind} of {self.sample}: {self.images}"
        return f"{told}; {self.texts.count} texts: {self.texts}" if self.texts else told


def phantom_sample(count: int) -> Sample:
    """Return synthetic radiographs with the captions of each."""
    # Drawing needs SciPy, which nothing else here does.
    from medx.datasets.phantoms.config import PhantomConfig
    from medx.datasets.phantoms.cxr import generate_phantoms

    drawn = list(generate_phantoms(PhantomConfig(count=count, size=224, seed=4096), workers=1))
    texts = dict.fromkeys(phantom.caption for phantom in drawn)
    return Sample("phantoms", True, [phantom.image for phantom in drawn], list(texts))


def embed_sample(
    encoder: Encoder, sample: Sample, advance: Callable[[int], None] | None = None
) -> Embedded:
    """Return a sample's embeddings by one encoder; ``advance`` is told how many images are done."""
    parts = [np.empty((0, encoder.dim), np.float32)]
    for start in range(0, len(sample.images), BATCH):
        parts.append(encoder.embed_images(sample.images[start : start + BATCH]))
        if advance:
            advance(len(parts[-1]))
    images = np.concatenate(parts)
    if not encoder.supports_text:
        return Embedded(images, np.empty((0, encoder.dim), np.float32))
    return Embedded(images, encoder.embed_texts(sample.texts, batch_size=BATCH))


def measure_fidelity(
    found: Embedded, original: Embedded, *, compared_with: str, sample: Sample
) -> Fidelity:
    """Compare two encoders' embeddings of one sample."""
    ranks = [_nearest(side.images @ side.images.T, itself=True) for side in (found, original)]
    text_ranks = [_nearest(side.texts @ side.images.T) for side in (found, original)]
    return Fidelity(
        compared_with=compared_with,
        sample=sample.name,
        synthetic=sample.synthetic,
        images=_agree(found.images, original.images, *ranks),
        texts=_agree(found.texts, original.texts, *text_ranks) if len(found.texts) else None,
    )


def _agree(
    found: Embeddings,
    original: Embeddings,
    ranks: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
) -> Agreement:
    cosines = np.sum(found.astype(np.float64) * original, axis=1)
    shared = [len(set(a) & set(b)) / len(b) for a, b in zip(ranks, wanted, strict=True) if len(b)]
    return Agreement(
        count=len(found),
        mean_cosine=float(min(1.0, cosines.mean())),
        worst_cosine=float(min(1.0, cosines.min())),
        largest_difference=float(np.abs(found - original).max()),
        top10_overlap=float(np.mean(shared)) if shared else 1.0,
    )


def _nearest(similarities: Embeddings, *, itself: bool = False) -> npt.NDArray[np.int64]:
    """Return the columns ``(Q, <= 10)`` of the highest similarities of each row."""
    if itself:
        similarities = similarities.copy()
        np.fill_diagonal(similarities, -np.inf)
    available = similarities.shape[1] - itself
    order = np.argsort(-similarities, axis=1, kind="stable")
    return np.asarray(order[:, : min(TOP_K, available)], np.int64)
