"""From a query's terms to one embedding: finding ids, reading files, averaging prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medx.core.content_hash import content_hash
from medx.core.errors import InputError, UnknownNameError
from medx.core.images import IMAGE_SUFFIXES, Pixels, read_image
from retrieval.config import SearchConfig
from retrieval.encoders.base import Embeddings, Encoder, UnknownWords, normalize
from retrieval.index.gallery_index import GalleryIndex
from retrieval.prompts import fill_templates
from retrieval.search.file_names import HIDDEN, shown_path, shown_query
from retrieval.search.query import Query, Term
from retrieval.search.results import QueryTerm
from retrieval.search.web_address import is_url, shown_url

#: Below this length a weighted sum of unit vectors points nowhere in particular.
SHORTEST = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One term of a query with what it stands for.

    Args:
        term: What a result says of it.
        row: The indexed image, for ids.
        pixels: What was read, for files, URLs and pixels.
        digest: ``content_hash`` of the image, for all but words.
    """

    term: QueryTerm
    row: int | None = None
    pixels: Pixels | None = None
    digest: str | None = None

    @property
    def needs_encoder(self) -> bool:
        """Return True unless its embedding is in the index."""
        return self.row is None


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadQuery:
    """A query whose ids were found and whose files were read.

    Args:
        kind: ``text``, ``image`` or ``mixed``.
        shown: What a result calls it.
        parts: Its terms.
    """

    kind: str
    shown: str
    parts: tuple[Part, ...]

    @property
    def own_ids(self) -> list[str]:
        """The indexed images that are asked about; they are no hits."""
        return [part.term.value for part in self.parts if part.row is not None]


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddedQuery:
    """A query in the encoder's space.

    Args:
        read: What was asked.
        embedding: ``(dim,)``, unit length.
        parts: ``(P, dim)``, unit length, one a part.
        unknown: What the encoder never learned, one a part.
    """

    read: ReadQuery
    embedding: Embeddings
    parts: Embeddings
    unknown: tuple[UnknownWords, ...]


def read_query(index: GalleryIndex, query: Query, config: SearchConfig) -> ReadQuery:
    """Find the ids and read the files of a query.

    Raises:
        InputError: When a file is missing or no image, or a URL is not allowed or not to be had.
        UnknownNameError: When something is neither an id nor looks like a file.
    """
    if not query.terms:
        raise ValueError("a query must have at least one term")
    parts = tuple(_read_term(index, term, config) for term in query.terms)
    shown = shown_query(query, [part.term.value for part in parts])
    return ReadQuery(kind=query.kind, shown=shown, parts=parts)


def embed_queries(
    index: GalleryIndex, encoder: Callable[[], Encoder], queries: Sequence[ReadQuery]
) -> list[EmbeddedQuery]:
    """Return the weighted sum of each query's unit embeddings, scaled to unit length.

    Args:
        index: The gallery; the embeddings of its own images are taken from it.
        encoder: Gives the encoder that made it; not called when no query needs one.
        queries: All are embedded together.

    Raises:
        InputError: When the parts of a query cancel out.
        IndexMismatchError: When another encoder made the index.
    """
    parts = [part for query in queries for part in query.parts]
    loaded = encoder() if any(part.needs_encoder for part in parts) else None
    if loaded is not None:
        index.check_encoder(loaded)
    vectors = _embed_parts(index, loaded, parts)
    embedded, start = [], 0
    for query in queries:
        own = vectors[start : start + len(query.parts)]
        start += len(query.parts)
        unknown = tuple(_unknown(loaded, part) for part in query.parts)
        embedded.append(
            EmbeddedQuery(read=query, embedding=_sum(query, own), parts=own, unknown=unknown)
        )
    return embedded


def _read_term(index: GalleryIndex, term: Term, config: SearchConfig) -> Part:
    value, weight = term.value, term.weight
    if term.kind == "text":
        modality = index.description.modality
        prompts = fill_templates(value, modality) if config.ensemble else (value,)
        return Part(term=QueryTerm(kind="text", value=value, weight=weight, prompts=prompts))
    if term.kind == "pixels":
        if term.pixels is None:
            raise ValueError("a term of kind 'pixels' must have pixels")
        return _image_part(QueryTerm(kind="pixels", value=value, weight=weight), term.pixels)
    if term.kind != "file" and (value in index.items or term.kind == "id"):
        return _id_part(index, value, weight)
    if is_url(value):
        if not config.allow_url:
            raise InputError(
                f"{shown_url(value)} is on the web, and nothing is fetched unasked",
                hint="pass --allow-url, or download it and name the file",
            )
        return _web_part(value, weight)
    if term.kind == "like" and not _is_file_name(value):
        raise _no_such_image(index, value)
    return _file_part(value, weight)


def _id_part(index: GalleryIndex, value: str, weight: float) -> Part:
    row = index.items.row(value)
    digest = index.items.item(row).content_hash
    return Part(term=QueryTerm(kind="id", value=value, weight=weight), row=row, digest=digest)


def _web_part(value: str, weight: float) -> Part:
    from retrieval.search.web import fetch_image  # what it imports costs every search a while

    term = QueryTerm(kind="url", value=shown_url(value), weight=weight)
    return _image_part(term, fetch_image(value))


def _no_such_image(index: GalleryIndex, value: str) -> UnknownNameError:
    try:
        index.items.row(value)
    except UnknownNameError as error:
        words = "words stand in quotes in an expression, or go to text-search"
        error.hint = f"{error.hint}; {words}" if error.hint else words
        return error
    raise AssertionError("only asked of what is no id")


def _file_part(value: str, weight: float) -> Part:
    shown = shown_path(value)
    try:
        pixels = read_image(value).pixels
    except InputError as error:
        if shown == HIDDEN:
            raise InputError(str(error).replace(value, HIDDEN), hint=error.hint) from None
        raise
    return _image_part(QueryTerm(kind="file", value=shown, weight=weight), pixels)


def _image_part(term: QueryTerm, pixels: Pixels) -> Part:
    return Part(term=term, pixels=pixels, digest=content_hash(pixels))


def _is_file_name(value: str) -> bool:
    if "/" in value or Path(value).suffix.lower() in IMAGE_SUFFIXES:
        return True
    try:
        return Path(value).exists()
    except OSError:  # too long for any file
        return False


def _embed_parts(index: GalleryIndex, encoder: Encoder | None, parts: Sequence[Part]) -> Embeddings:
    vectors = np.empty((len(parts), index.description.encoder.dim), np.float32)
    indexed = [i for i, part in enumerate(parts) if part.row is not None]
    if indexed:
        rows = np.array([parts[i].row for i in indexed], np.int64)
        vectors[indexed] = index.embeddings(rows)
    if encoder is None:
        return vectors
    images = [(i, part.pixels) for i, part in enumerate(parts) if part.pixels is not None]
    if images:
        vectors[[i for i, _ in images]] = encoder.embed_images([pixels for _, pixels in images])
    texts = [(i, text) for i, part in enumerate(parts) for text in part.term.prompts]
    if texts:
        embeddings = encoder.embed_texts([text for _, text in texts])
        owners = np.array([i for i, _ in texts])
        for i in dict.fromkeys(owners.tolist()):
            vectors[i] = normalize(embeddings[owners == i].mean(axis=0, keepdims=True))[0]
    return vectors


def _sum(query: ReadQuery, vectors: Embeddings) -> Embeddings:
    if len(vectors) == 1 and query.parts[0].term.weight == 1:
        return np.asarray(vectors[0], np.float32)
    weights = np.array([part.term.weight for part in query.parts])
    total = (weights[:, None] / np.abs(weights).max() * vectors).sum(axis=0)
    if np.linalg.norm(total) < SHORTEST:
        raise InputError(f"the parts of {query.shown} cancel out", hint="give them other weights")
    return np.asarray(normalize(total[None, :])[0], np.float32)


def _unknown(encoder: Encoder | None, part: Part) -> UnknownWords:
    if encoder is None or part.term.kind != "text":
        return UnknownWords()
    return encoder.unknown_words(part.term.value)
