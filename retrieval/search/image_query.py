"""What a user types to search by image: an indexed id or an image file."""

from __future__ import annotations

from medx.core.images import Pixels
from retrieval.config import SearchConfig
from retrieval.gallery import Gallery
from retrieval.search.query import like
from retrieval.search.results import SearchResult
from retrieval.search.search import search


def search_like(
    gallery: Gallery,
    query: str,
    *,
    top_k: int = SearchConfig.top_k,
    split: str = SearchConfig.split,
) -> tuple[SearchResult, Pixels | None]:
    """Return the images like an indexed id or a file, and the pixels of the file.

    An id wins over a file of the same name.

    Raises:
        InputError: When the file is missing or not an image.
        UnknownNameError: When ``query`` is neither an id nor looks like a file.
    """
    config = SearchConfig(top_k=top_k, split=split)
    answer = search(gallery.index, lambda: gallery.encoder, like(query), config)
    return answer.result, answer.query.read.parts[0].pixels
