"""The archive's most similar images of a case, without those that would give its label away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medx.case.cases import Case
from medx.core.console import warn
from medx.core.content_hash import content_hash
from medx.core.values import Hit
from retrieval.gallery import Gallery
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.related import related_ids
from retrieval.search.queries import id_search, image_search

#: Neighbours come from here, so that no image is explained by another of its own split.
GALLERY_SPLIT = "train"
NEIGHBOURS = 5


def add_neighbours(cases: Sequence[Case], gallery: Gallery) -> list[Case]:
    """Return the cases with the most similar images of the gallery's train split."""
    index = describe_index(gallery.index)
    return [replace(case, neighbours=find_neighbours(gallery, case), index=index) for case in cases]


def describe_index(index: GalleryIndex) -> str:
    """Return the name of an index and what makes its encoder the one it is."""
    return f"{index.name} ({index.description.encoder})"


def find_neighbours(gallery: Gallery, case: Case, *, top_k: int = NEIGHBOURS) -> list[Hit]:
    """Return the most similar images of the gallery's train split, at most ``top_k``.

    The image itself, images of the very same pixels and images of the same patient are left out:
    their labels would be the answer.
    """
    index = gallery.index
    digest = content_hash(case.pixels)
    in_index = not case.from_file and case.id in index.items
    # In an index of several datasets the id may be another image's.
    indexed = in_index and index.items.item(index.items.row(case.id)).content_hash == digest
    record_id = case.id if indexed else None
    excluded = related_ids(index, digest=digest, record_id=record_id)
    if case.id in index.items and case.id not in excluded:
        excluded.append(case.id)  # another image of that name; two of one id would be confusing
    available = index.description.splits.get(GALLERY_SPLIT, 0) - len(excluded)
    if available < 1:
        warn(f"{case.id}: no neighbours, index {index.name} holds too few images of train")
        return []
    top_k = min(top_k, available)
    if indexed:
        found = id_search(index, case.id, top_k=top_k, split=GALLERY_SPLIT, exclude_ids=excluded)
    else:
        found = image_search(
            index,
            gallery.encoder,
            case.pixels,
            name=case.id,
            top_k=top_k,
            split=GALLERY_SPLIT,
            exclude_ids=excluded,
        )
    return list(found.hits)
