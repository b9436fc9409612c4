"""Whether words still find images once those went through a head: measured on val."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medx.core.values import Value
from retrieval.encoders.adapted import TextRoute
from retrieval.encoders.adapter_head import AdapterHead
from retrieval.encoders.base import Embeddings, Encoder
from retrieval.evaluation.metrics import average_precision
from retrieval.evaluation.relevance import Relevance
from retrieval.index.gallery_index import GalleryIndex
from retrieval.prompts import prompts_for

#: How much of its mAP on val a text search may lose and still be offered.
TOLERANCE = 0.02


class TextChoice(Value):
    """What becomes of text queries, and the mAP of class prompts over val images behind it."""

    route: TextRoute
    reason: str
    before: float | None = None
    through_the_head: float | None = None
    as_it_is: float | None = None


def choose_text_route(
    index: GalleryIndex, encoder: Encoder, head: AdapterHead, rows: npt.NDArray[np.int64]
) -> TextChoice:
    """Return the better of sending texts through the head or past it, or to refuse them.

    Args:
        index: Holds the embeddings before the head.
        encoder: What made them.
        head: What images go through.
        rows: Labelled val rows.
    """
    if not encoder.supports_text:
        return TextChoice(route="refused", reason=f"{encoder.name} reads images only")
    labels = index.items.column("label")
    relevance = Relevance([str(labels[row]) for row in rows])
    prompts = {
        label: prompts_for(label)
        for label in relevance.labels
        if not all(encoder.unknown_words(text).all_unknown for text in prompts_for(label))
    }
    if not prompts:
        reason = f"{encoder.name} knows none of the labels' words, so nothing could be measured"
        return TextChoice(route="refused", reason=reason)
    texts = [encoder.embed_texts(list(words)) for words in prompts.values()]
    images = index.embeddings(rows)

    def score(queries: list[Embeddings], gallery: Embeddings) -> float:
        orders = [np.argsort(-(gallery @ q.mean(axis=0)), kind="stable") for q in queries]
        flags = [relevance.having(label)[o] for label, o in zip(prompts, orders, strict=True)]
        return float(average_precision(np.stack(flags)).mean())

    before = score(texts, images)
    through, past = score([head(t) for t in texts], head(images)), score(texts, head(images))
    figures = {"before": before, "through_the_head": through, "as_it_is": past}
    told = f"class prompts' mAP on val: {before:.3f} before, {through:.3f} through the head, "
    told += f"{past:.3f} past it"
    if max(through, past) < before - TOLERANCE:
        return TextChoice(route="refused", reason=told, **figures)
    route: TextRoute = "through the head" if through >= past else "as it is"
    return TextChoice(route=route, reason=told, **figures)
