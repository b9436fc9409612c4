"""Asking a gallery by words, by an image, or by one of its own images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medx.core.content_hash import content_hash
from medx.core.images import Pixels
from medx.core.settings import DISCLAIMER
from medx.core.values import Hit, Value
from retrieval.config import SearchConfig
from retrieval.encoders.base import Embeddings, Encoder, UnknownWords
from retrieval.index.gallery_index import GalleryIndex


class SearchResult(Value):
    """The answer to one query, with what is needed to judge it."""

    schema_version: int = 1
    kind: str
    query: str
    index: str
    count: int
    encoder: str
    encoder_fingerprint: str
    encoder_reason: str = ""
    dataset: str
    synthetic: bool
    split: str
    unknown_words: tuple[str, ...] = ()
    warning: str | None = None
    duplicates: tuple[str, ...] = ()
    hits: tuple[Hit, ...]
    disclaimer: str = DISCLAIMER


def text_search(
    index: GalleryIndex,
    encoder: Encoder,
    text: str,
    *,
    top_k: int = SearchConfig.top_k,
    split: str = SearchConfig.split,
) -> SearchResult:
    """Return the images that fit ``text`` best.

    Words the encoder never learned are named in ``unknown_words`` and ``warning``.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When ``top_k`` is more than can be found.
    """
    index.check_encoder(encoder)
    unknown = encoder.unknown_words(text)
    hits = _nearest(index, encoder.embed_texts([text]), top_k, split, exclude=())
    return _result(index, "text", text, hits, split=split, unknown=unknown, reason=encoder.reason)


def image_search(
    index: GalleryIndex,
    encoder: Encoder,
    pixels: Pixels,
    *,
    name: str = "image",
    top_k: int = SearchConfig.top_k,
    split: str = SearchConfig.split,
    exclude_ids: Sequence[str] = (),
) -> SearchResult:
    """Return the images most like ``pixels``.

    Indexed images with the very same pixels are shown, and named in ``duplicates``.

    Args:
        index: The gallery.
        encoder: The encoder that made it.
        pixels: uint8 ``(H, W)`` or ``(H, W, 3)``.
        name: What to call the query in the result.
        top_k: How many hits.
        split: Only images of this split.
        exclude_ids: Indexed ids that are the query itself.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When ``top_k`` is more than can be found.
    """
    index.check_encoder(encoder)
    hits = _nearest(index, encoder.embed_images([pixels]), top_k, split, exclude=exclude_ids)
    same = _same_content(index, content_hash(pixels), hits)
    return _result(index, "image", name, hits, split=split, same=same, reason=encoder.reason)


def id_search(
    index: GalleryIndex,
    record_id: str,
    *,
    top_k: int = SearchConfig.top_k,
    split: str = SearchConfig.split,
    exclude_ids: Sequence[str] = (),
) -> SearchResult:
    """Return the images most like an indexed one, itself left out by id; no encoder is needed.

    Args:
        index: The gallery.
        record_id: The indexed image.
        top_k: How many hits.
        split: Only images of this split.
        exclude_ids: Ids to leave out beside its own, such as its ``related_ids``.

    Raises:
        UnknownNameError: When no image has that id.
        InputError: When ``top_k`` is more than can be found.
    """
    row = index.items.row(record_id)
    query = index.embeddings(np.array([row]))
    hits = _nearest(index, query, top_k, split, exclude=list({record_id, *exclude_ids}))
    same = _same_content(index, index.items.item(row).content_hash, hits)
    return _result(index, "image", record_id, hits, split=split, same=same)


def _nearest(
    index: GalleryIndex, query: Embeddings, top_k: int, split: str, exclude: Sequence[str]
) -> list[Hit]:
    return index.hits(index.search(query, top_k, split=split, exclude_ids=[exclude]))


def _same_content(index: GalleryIndex, digest: str, hits: list[Hit]) -> tuple[str, ...]:
    rows = index.items.rows_of(hit.id for hit in hits)
    return tuple(
        hit.id
        for hit, row in zip(hits, rows, strict=True)
        if index.items.item(row).content_hash == digest
    )


def _result(
    index: GalleryIndex,
    kind: str,
    query: str,
    hits: list[Hit],
    *,
    split: str,
    unknown: UnknownWords | None = None,
    same: tuple[str, ...] = (),
    reason: str = "",
) -> SearchResult:
    description = index.description
    return SearchResult(
        kind=kind,
        query=query,
        index=index.name,
        count=len(index),
        encoder=description.encoder.name,
        encoder_fingerprint=description.encoder.weights_sha256[:16],
        encoder_reason=reason,
        dataset=description.dataset,
        synthetic=description.synthetic,
        split=split,
        unknown_words=unknown.words if unknown else (),
        warning=unknown.warning if unknown else None,
        duplicates=same,
        hits=tuple(hits),
    )
