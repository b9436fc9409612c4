"""The pixels of a query and of its hits, and where in them its words fit, for pages and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medx.core.content_hash import content_hash
from medx.core.errors import InputError
from medx.core.images import Pixels
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset
from retrieval.encoders.base import Encoder
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.origin import record_of
from retrieval.search.heatmap import HeatMaps, map_similarities
from retrieval.search.query import write_terms
from retrieval.search.results import QueryTerm
from retrieval.search.search import Answer


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """What a page or figure of an answer shows.

    Args:
        queries: The images of the query with the terms they stand for.
        hits: One a hit, in their order.
        maps: Where the query's words fit, one a hit; None when not asked for.
    """

    queries: tuple[tuple[QueryTerm, Pixels], ...]
    hits: tuple[Pixels, ...]
    maps: HeatMaps | None = None


def collect_pictures(
    index: GalleryIndex,
    answer: Answer,
    *,
    data_dir: Path | None = None,
    heatmaps_by: Encoder | None = None,
) -> Pictures:
    """Read the images of an answer again from the dataset, and the query's.

    Args:
        index: The gallery.
        answer: What ``search`` returned.
        data_dir: Where ``.npz`` datasets are searched first.
        heatmaps_by: The encoder, when maps are wanted.

    Raises:
        InputError: When a picture is no longer the one that was indexed, or maps are wanted of a
            query without words, or of an encoder that cannot tell places apart.
        DataUnavailableError: When the dataset is gone.
    """
    parts = answer.query.read.parts
    ids = [part.term.value for part in parts if part.row is not None]
    indexed = read_images(index, [*ids, *(hit.id for hit in answer.result.hits)], data_dir=data_dir)
    own = dict(zip(ids, indexed, strict=False))
    queries = tuple(
        (part.term, own[part.term.value] if part.pixels is None else part.pixels)
        for part in parts
        if part.digest is not None
    )
    hits = tuple(indexed[len(ids) :])
    maps = map_similarities(heatmaps_by, answer.query, hits) if heatmaps_by else None
    return Pictures(queries=queries, hits=hits, maps=maps)


def read_images(
    index: GalleryIndex,
    ids: Sequence[str],
    *,
    data_dir: Path | None = None,
    opened: dict[str, Dataset] | None = None,
) -> list[Pixels]:
    """Return the pixels of indexed images, read again from the dataset.

    Args:
        index: The gallery.
        ids: Indexed ids.
        data_dir: Where ``.npz`` datasets are searched first.
        opened: Datasets by source; those that are opened here are kept in it.

    Raises:
        InputError: When a picture is no longer the one that was indexed.
        DataUnavailableError: When the dataset is gone.
    """
    datasets = {} if opened is None else opened
    pixels = []
    for item in (index.items.item(index.items.row(record_id)) for record_id in ids):
        source = index.description.origin(item.dataset).source
        if source not in datasets:
            datasets[source] = load_dataset(source, data_dir=data_dir, download=False)
        dataset = datasets[source]
        image = dataset.read(record_of(dataset, item)).pixels
        if content_hash(image) != item.content_hash:
            raise InputError(
                f"{item.id} of {dataset.name} has changed since {index.name} was built",
                hint="medx retrieve update brings the index up to date",
            )
        pixels.append(image)
    return pixels


def shown_terms(terms: Sequence[QueryTerm]) -> str:
    """Return a query for pages and figures: names of files may name a person and are left out."""
    names = shown_names(terms)
    return write_terms((term.weight, name) for term, name in zip(terms, names, strict=True))


def shown_names(terms: Sequence[QueryTerm]) -> list[str]:
    """Return the terms for pages and figures, files by their number."""
    names, own = [], [term for term in terms if term.kind not in ("text", "id")]
    for term in terms:
        if term.kind == "text":
            names.append(f"“{term.value}”")
        elif term.kind == "id":
            names.append(term.value)
        else:
            number = 1 + next(i for i, other in enumerate(own) if other is term)
            names.append(f"image {number}" if len(own) > 1 else "an image of the user’s")
    return names
