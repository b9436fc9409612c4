"""What a user types to search by image: an indexed id or an image file."""

from __future__ import annotations

from pathlib import Path

from medx.core.images import IMAGE_SUFFIXES, Pixels, read_image
from retrieval.config import SearchConfig
from retrieval.gallery import Gallery
from retrieval.search.queries import SearchResult, id_search, image_search


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
    index = gallery.index
    if query in index.items or not _is_file_name(query):
        return id_search(index, query, top_k=top_k, split=split), None
    pixels = read_image(query).pixels
    result = image_search(index, gallery.encoder, pixels, name=query, top_k=top_k, split=split)
    return result, pixels


def _is_file_name(query: str) -> bool:
    return Path(query).exists() or "/" in query or Path(query).suffix.lower() in IMAGE_SUFFIXES
