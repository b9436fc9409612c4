"""Text→image search measured: the name of a class asks for the images that have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medx.core.statistics import resample_counts
from retrieval.bootstrap import Sampled
from retrieval.config import EvaluateConfig
from retrieval.encoders.base import Encoder, UnknownWords
from retrieval.evaluation.figure_rows import Block, MeasuredProtocol, make_rows
from retrieval.evaluation.image_queries import groups_of, labelled
from retrieval.evaluation.measures import Measure, expect_all, measure_all, measures_at
from retrieval.evaluation.metrics import Floats
from retrieval.evaluation.ranking import check_top_k, rank_gallery
from retrieval.evaluation.relevance import Relevance
from retrieval.evaluation.results import MeasureRow, ProtocolResult, RowKey
from retrieval.index.gallery_index import GalleryIndex
from retrieval.prompts import prompts_for

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def evaluate_texts(
    index: GalleryIndex, encoder: Encoder, config: EvaluateConfig
) -> MeasuredProtocol:
    """Measure each class's prompts over the labelled images of the config's split.

    The prompts of a class are embedded, averaged and searched as one query. The interval resamples
    the gallery, since there is one query a class. A class of whose prompts the encoder knows no
    telling word is ``unmeasured``: its ranking would be the order of the rows. There are no
    ``rows`` when that is every class.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When the gallery is smaller than the largest k, or the encoder reads no text.
    """
    index.check_encoder(encoder)
    rows, gaps = labelled(index.items, index.items.split_rows(config.split))
    check_top_k(max(config.top_ks), len(rows), index.name, config.split)
    labels = index.items.column("label")
    gallery = Relevance([str(labels[row]) for row in rows])
    prompts = {label: prompts_for(label) for label in gallery.labels}
    unknown = {label: [encoder.unknown_words(t) for t in texts] for label, texts in prompts.items()}
    unmeasured = [label for label, found in unknown.items() if all(u.all_unknown for u in found)]
    measured = {label: texts for label, texts in prompts.items() if label not in unmeasured}
    rankings = _rankings(index, rows, encoder, measured, gallery)
    groups = groups_of(index.items, rows)
    measures = measures_at(config.top_ks)
    figures, samples = _figures(rankings, measures, groups, config.seed) if rankings else ((), {})
    result = ProtocolResult(
        task="text-to-image",
        protocol="class-prompts",
        split=config.split,
        gallery_split=config.split,
        queries=len(measured),
        gallery=len(rows),
        resampled="gallery images" if groups is None else "groups of gallery images",
        all_or_none="none, for a class is one query: [1.000, 1.000] says that all draws agree",
        unlabelled=gaps,
        prompts=prompts,
        unknown_words=_unknown(unknown),
        unmeasured=tuple(unmeasured),
        rows=figures,
    )
    return MeasuredProtocol(result, samples)


def _rankings(
    index: GalleryIndex,
    rows: Rows,
    encoder: Encoder,
    prompts: dict[str, tuple[str, ...]],
    gallery: Relevance,
) -> dict[str, tuple[Flags, Rows]]:
    """Return for each class the relevance ``(N,)`` in rank order, and that order of the rows."""
    if not prompts:
        return {}
    queries = np.stack([encoder.embed_texts(texts).mean(axis=0) for texts in prompts.values()])
    nothing = [np.empty(0, np.int64)] * len(queries)
    orders = [block.order for block in rank_gallery(queries, index.embeddings(rows), nothing)]
    return {
        label: (gallery.having(label)[order], order)
        for label, order in zip(prompts, np.concatenate(orders), strict=True)
    }


def _unknown(unknown: dict[str, list[UnknownWords]]) -> dict[str, tuple[str, ...]]:
    words = {
        label: tuple(dict.fromkeys(word for u in found for word in u.words))
        for label, found in unknown.items()
    }
    return {label: missing for label, missing in words.items() if missing}


def _figures(
    rankings: dict[str, tuple[Flags, Rows]],
    measures: Sequence[Measure],
    groups: Sequence[str] | None,
    seed: int,
) -> tuple[tuple[MeasureRow, ...], dict[RowKey, Floats]]:
    relevant = np.stack([flags for flags, _ in rankings.values()])  # (C, N)
    count = relevant.shape[1]
    total = relevant.sum(axis=1)
    estimates = measure_all(measures, relevant, total)
    chance = expect_all(measures, total, np.full(len(total), count))
    samples = [
        np.concatenate(
            [_sample(flags, drawn[:, order], measures) for flags, order in rankings.values()],
            axis=1,
        )
        for drawn in resample_counts(count, groups=groups, seed=seed)
    ]
    sampled = Sampled(estimates.reshape(-1), np.concatenate(samples))
    whole = np.full(len(measures), count)
    blocks = [
        Block(scope="macro", members=range(len(rankings)), counts=whole),
        *(
            Block(scope="class", label=label, members=[number], counts=np.full(len(measures), held))
            for number, (label, held) in enumerate(zip(rankings, total, strict=True))
        ),
    ]
    return make_rows(sampled, chance.reshape(-1), measures, blocks)


def _sample(relevant: Flags, drawn: npt.NDArray[np.float32], measures: Sequence[Measure]) -> Floats:
    """Return every measure ``(R, M)`` of galleries drawn again.

    Args:
        relevant: ``(N,)`` in rank order.
        drawn: ``(R, N)``: how often each image is drawn, in rank order.
        measures: What to measure; NaN where fewer than k images are drawn.
    """
    times = drawn.astype(np.int64)
    lengths = times.sum(axis=1)
    deepest = max(int(lengths.max()), *(measure.top_k or 1 for measure in measures))
    copies = np.zeros((len(times), deepest), bool)
    there = np.arange(deepest) < lengths[:, None]
    copies[there] = np.repeat(np.broadcast_to(relevant, times.shape).reshape(-1), times.reshape(-1))
    values = measure_all(measures, copies, copies.sum(axis=1))
    shallow = np.array([measure.top_k or 1 for measure in measures])
    values[lengths[:, None] < shallow] = np.nan
    return values
