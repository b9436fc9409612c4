"""Image→image search measured: each image of a split asks for others with its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from retrieval.bootstrap import bootstrap_means
from retrieval.config import EvaluateConfig
from retrieval.evaluation.figure_rows import Block, MeasuredProtocol, make_rows
from retrieval.evaluation.hubness import measure_hubness
from retrieval.evaluation.image_queries import ImageQueries, groups_of, labelled, unit_of
from retrieval.evaluation.measures import Measure, measures_at
from retrieval.evaluation.metrics import Floats
from retrieval.evaluation.ranking import accelerate_gallery, check_top_k
from retrieval.evaluation.results import MeasureRow, ProtocolResult, RowKey
from retrieval.evaluation.wrong_neighbours import list_wrong_neighbours
from retrieval.index.gallery_index import GalleryIndex


def evaluate_images(
    index: GalleryIndex,
    config: EvaluateConfig,
    *,
    protocol: Literal["leave-one-out", "train-gallery"],
) -> MeasuredProtocol:
    """Measure every labelled image of the config's split as a query.

    The gallery is the same split (``leave-one-out``) or the train split (``train-gallery``). A
    query never meets itself (by id), an image with the very same pixels, or one of its own group.

    Raises:
        InputError: When the gallery is smaller than the largest k.
        UnknownNameError: When the index lacks a split.
    """
    items, split = index.items, config.split
    gallery_split = "train" if protocol == "train-gallery" else split
    rows, query_gaps = labelled(items, items.split_rows(split))
    gallery, gallery_gaps = labelled(items, items.split_rows(gallery_split))
    asked = ImageQueries(items, rows, gallery)
    check_top_k(max(config.top_ks), int(asked.allowed.min()), index.name, gallery_split)
    embeddings = index.embeddings(gallery)
    kind = config.kind or index.description.kind
    accelerator = index.own_accelerator(gallery, config.kind)
    if accelerator is None:
        accelerator = accelerate_gallery(kind, embeddings, seed=config.seed)
    measures = measures_at(config.top_ks, whole=accelerator is None)
    answers = asked.answer(index.embeddings(rows), embeddings, measures, accelerator)
    groups = groups_of(items, rows)
    figures, samples = _figures(asked, answers.values, measures, groups, config.seed)
    nearest_rows = gallery[answers.neighbours[:, 0]]
    result = ProtocolResult(
        task="image-to-image",
        protocol=protocol,
        split=split,
        gallery_split=gallery_split,
        kind=accelerator.kind if accelerator else "flat",
        kind_recall=accelerator.tuned.recall if accelerator else None,
        queries=len(rows),
        gallery=len(gallery),
        resampled=unit_of(groups),
        all_or_none=f"exact binomial of {unit_of(groups)}",
        excluded_duplicates=asked.duplicates,
        excluded_same_group=asked.same_group,
        unlabelled=query_gaps if split == gallery_split else query_gaps + gallery_gaps,
        unanswerable=int((asked.total == 0).sum()),
        rows=figures,
        hubness=measure_hubness(answers.neighbours, len(gallery), float(asked.allowed.mean())),
        wrong_neighbours=list_wrong_neighbours(
            items, asked.relevance, (rows, nearest_rows), answers.nearest, most=config.errors
        ),
    )
    return MeasuredProtocol(result, samples)


def _figures(
    asked: ImageQueries,
    values: Floats,
    measures: Sequence[Measure],
    groups: Sequence[str] | None,
    seed: int,
) -> tuple[tuple[MeasureRow, ...], dict[RowKey, Floats]]:
    flags = {name: asked.relevance.having(name)[asked.queries] for name in asked.relevance.labels}
    flags = {label: held for label, held in flags.items() if held.any()}
    members = [np.ones(len(values), bool), *flags.values()]

    def spread(table: Floats) -> Floats:
        return np.concatenate([np.where(held[:, None], table, np.nan) for held in members], axis=1)

    columns = spread(values)
    known = np.isfinite(columns)
    counts = known.sum(axis=0)
    chance = np.where(known, spread(asked.chance(measures)), 0.0).sum(axis=0)
    chance = np.divide(chance, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    by_block = counts.reshape(len(members), -1)
    blocks = [
        Block(scope="all", members=[0], counts=by_block[0]),
        Block(scope="macro", members=range(1, len(members)), counts=by_block[0]),
        *(
            Block(scope="class", label=label, members=[number], counts=by_block[number])
            for number, label in enumerate(flags, start=1)
        ),
    ]
    sampled = bootstrap_means(columns, groups=groups, unit=unit_of(groups), seed=seed)
    return make_rows(sampled, chance, measures, blocks)
