"""Asking a gallery by words, by an image, or by one of its own images."""

from __future__ import annotations

from collections.abc import Sequence

from medx.core.images import Pixels
from retrieval.config import SearchConfig
from retrieval.encoders.base import Encoder
from retrieval.index.gallery_index import GalleryIndex
from retrieval.search.query import Query, Term, picture, words
from retrieval.search.results import SearchResult
from retrieval.search.search import search


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
    config = SearchConfig(top_k=top_k, split=split)
    return search(index, lambda: encoder, words(text), config).result


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
    config = SearchConfig(top_k=top_k, split=split)
    asked = picture(pixels, name)
    return search(index, lambda: encoder, asked, config, exclude_ids=exclude_ids).result


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
    config = SearchConfig(top_k=top_k, split=split)
    asked = Query((Term(kind="id", value=record_id),), written=record_id)
    return search(index, _no_encoder, asked, config, exclude_ids=exclude_ids).result


def _no_encoder() -> Encoder:
    raise AssertionError("the embedding of an indexed image is in the index")
