"""Text→image Precision@k: the name of a class asks for the images that have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from medx.core.statistics import bootstrap_interval
from medx.core.values import Interval
from retrieval.config import EvaluateConfig
from retrieval.encoders.base import Encoder, UnknownWords
from retrieval.evaluation.images import groups_of, labelled
from retrieval.evaluation.metrics import average_precision, precision_at_k
from retrieval.evaluation.relevance import Relevance
from retrieval.evaluation.results import PrecisionRow, ProtocolResult
from retrieval.index.gallery_index import GalleryIndex
from retrieval.prompts import prompts_for

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """The gallery as one class's prompts order it.

    Args:
        relevant: ``(N,)`` in rank order.
        rank_of: ``(N,)``: the rank, from 0, of each gallery row.
    """

    relevant: npt.NDArray[np.bool_]
    rank_of: Rows

    def drawn(self, rows: Rows, top_k: int | None = None) -> npt.NDArray[np.bool_]:
        """Return ``(1, K)``: relevance in rank order of a drawn gallery, up to ``top_k``."""
        ranks = self.rank_of[rows]
        if top_k is not None:
            ranks = np.partition(ranks, top_k - 1)[:top_k]
        return self.relevant[np.sort(ranks)][None, :]


def evaluate_texts(index: GalleryIndex, encoder: Encoder, config: EvaluateConfig) -> ProtocolResult:
    """Return P@k of each class's prompts over the labelled images of the config's split.

    The prompts of a class are embedded, averaged and searched as one query. The interval resamples
    the gallery, since there is one query a class. A class of whose prompts the encoder knows no
    telling word is ``unmeasured``: its ranking would be the order of the rows. There are no
    ``rows`` when that is every class.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When the gallery is smaller than the largest k.
    """
    index.check_encoder(encoder)
    rows, gaps = labelled(index, index.items.split_rows(config.split))
    gallery = index.subset(rows)
    gallery.check_top_k(max(config.top_ks))
    relevance = Relevance([str(label) for label in gallery.items.column("label")])
    prompts = {label: prompts_for(label) for label in relevance.labels}
    unknown = {label: [encoder.unknown_words(t) for t in texts] for label, texts in prompts.items()}
    unmeasured = [label for label, found in unknown.items() if all(u.all_unknown for u in found)]
    measured = {label: texts for label, texts in prompts.items() if label not in unmeasured}
    rankings = _rankings(gallery, encoder, measured, relevance)
    groups = groups_of(index, rows)
    interval = partial(bootstrap_interval, groups=groups, seed=config.seed)
    return ProtocolResult(
        task="text-to-image",
        protocol="class-prompts",
        split=config.split,
        gallery_split=config.split,
        queries=len(measured),
        gallery=len(rows),
        resampled="gallery images" if groups is None else "groups of gallery images",
        unlabelled=gaps,
        prompts=prompts,
        unknown_words=_unknown(unknown),
        unmeasured=tuple(unmeasured),
        rows=tuple(_rows(rankings, config.top_ks, interval)),
        average_precisions=tuple(
            _row(label, [ranking], None, int(ranking.relevant.sum()), interval)
            for label, ranking in rankings.items()
        ),
    )


def _rankings(
    gallery: GalleryIndex,
    encoder: Encoder,
    prompts: dict[str, tuple[str, ...]],
    relevance: Relevance,
) -> dict[str, Ranking]:
    if not prompts:
        return {}
    queries = np.stack([encoder.embed_texts(texts).mean(axis=0) for texts in prompts.values()])
    found = gallery.search(queries, len(gallery))
    return {
        label: Ranking(relevant=relevance.having(label)[order], rank_of=np.argsort(order))
        for label, order in zip(prompts, found.rows, strict=True)
    }


def _unknown(unknown: dict[str, list[UnknownWords]]) -> dict[str, tuple[str, ...]]:
    words = {
        label: tuple(dict.fromkeys(word for u in found for word in u.words))
        for label, found in unknown.items()
    }
    return {label: missing for label, missing in words.items() if missing}


def _rows(
    rankings: dict[str, Ranking], top_ks: Sequence[int], interval: Callable[..., Interval]
) -> list[PrecisionRow]:
    everything = list(rankings.values())
    if not everything:
        return []
    count = len(everything[0].relevant)
    rows = []
    for top_k in top_ks:
        rows.append(_row(None, everything, top_k, count, interval))
        for label, ranking in rankings.items():
            rows.append(_row(label, [ranking], top_k, int(ranking.relevant.sum()), interval))
    return rows


def _row(
    label: str | None,
    rankings: Sequence[Ranking],
    top_k: int | None,
    n: int,
    interval: Callable[..., Interval],
) -> PrecisionRow:
    drawn = np.arange(len(rankings[0].relevant))
    return PrecisionRow(
        scope="macro" if label is None else "class",
        label=label,
        top_k=top_k,
        precision=interval(partial(_precision, rankings, top_k), drawn),
        chance=float(np.mean([ranking.relevant.mean() for ranking in rankings])),
        n=n,
    )


def _precision(rankings: Sequence[Ranking], top_k: int | None, drawn: Rows) -> float:
    if top_k is not None and len(drawn) < top_k:
        return float("nan")  # a draw of small groups only; the bootstrap leaves it out
    if top_k is None:
        return float(np.mean([average_precision(r.drawn(drawn))[0] for r in rankings]))
    return float(np.mean([precision_at_k(r.drawn(drawn, top_k), top_k)[0] for r in rankings]))
