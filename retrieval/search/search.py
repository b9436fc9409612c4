"""The one way from queries to results, for words, images and both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from medx.core.values import Hit
from retrieval.config import SearchConfig
from retrieval.encoders.base import Encoder, UnknownWords
from retrieval.index.gallery_index import GalleryIndex
from retrieval.index.related import related_ids
from retrieval.prompts import templates_for
from retrieval.search.candidates import find_hits, searched_rows
from retrieval.search.parts import EmbeddedQuery, Part, ReadQuery, embed_queries, read_query
from retrieval.search.query import Query
from retrieval.search.results import LeftOut, SearchResult, Vote
from retrieval.search.vote import count_vote, label_names

#: Pixels; an image with a shorter side shows no anatomy at all.
SHORTEST_SIDE = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """A result, with what pictures of it need and JSON leaves out.

    Args:
        result: What was found.
        query: What was asked, embedded.
    """

    result: SearchResult
    query: EmbeddedQuery


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one query found among ``searched`` images."""

    hits: list[Hit]
    left_out: list[LeftOut]
    searched: int
    vote: Vote | None


def search(
    index: GalleryIndex,
    encoder: Callable[[], Encoder],
    query: Query,
    config: SearchConfig | None = None,
    *,
    exclude_ids: Collection[str] = (),
) -> Answer:
    """Return the images that fit a query best.

    Args:
        index: The gallery.
        encoder: Gives the encoder that made it; not called for queries by id alone.
        query: What to look for.
        config: Where to look and what to return.
        exclude_ids: Ids to leave out beside those the query names.

    Raises:
        IndexMismatchError: When another encoder made the index.
        InputError: When a file cannot be read, or not one image can be found.
        UnknownNameError: When something is neither an id nor looks like a file.
    """
    config = config or SearchConfig()
    read = read_query(index, query, config)
    return search_read(index, encoder, [read], config, exclude_ids=exclude_ids)[0]


def search_read(
    index: GalleryIndex,
    encoder: Callable[[], Encoder],
    queries: Sequence[ReadQuery],
    config: SearchConfig,
    *,
    exclude_ids: Collection[str] = (),
) -> list[Answer]:
    """Answer queries that were read; they are embedded together. See ``search``."""
    embedded = embed_queries(index, encoder, queries)
    found = find_hits(index, embedded, config, exclude_ids)
    searched = index.count(config.split, config.where)
    prevalence = _prevalence(index, config) if config.vote else None
    answers = []
    for query, (hits, left_out) in zip(embedded, found, strict=True):
        vote = None
        if config.vote:
            own = _related(index, query.read)
            vote = count_vote(hits, not_counted=own, prevalence=prevalence)
        reason = encoder().reason if any(p.needs_encoder for p in query.read.parts) else ""
        one = Found(hits=hits, left_out=left_out, searched=searched, vote=vote)
        result = _result(index, query, config, one, reason=reason)
        answers.append(Answer(result=result, query=query))
    return answers


def _related(index: GalleryIndex, query: ReadQuery) -> list[str]:
    """Return the indexed images with the pixels of a query's images, or of their groups."""
    found = {
        name
        for part in query.parts
        if part.digest is not None
        for name in related_ids(
            index,
            digest=part.digest,
            record_id=part.term.value if part.row is not None else None,
        )
    }
    return sorted(found)


def _prevalence(index: GalleryIndex, config: SearchConfig) -> dict[str, float]:
    labels = index.items.column("label")
    held = [labels[row] for row in searched_rows(index, config)]
    counts = Counter(name for label in held if label for name in label_names(label))
    total = sum(1 for label in held if label)
    return {name: count / total for name, count in counts.items()}


def _result(
    index: GalleryIndex,
    query: EmbeddedQuery,
    config: SearchConfig,
    found: Found,
    *,
    reason: str,
) -> SearchResult:
    description, read = index.description, query.read
    terms = tuple(
        part.term.model_copy(update={"unknown_words": unknown.words})
        for part, unknown in zip(read.parts, query.unknown, strict=True)
    )
    return SearchResult(
        kind=read.kind,
        query=read.shown,
        terms=terms,
        index=index.name,
        count=len(index),
        searched=found.searched,
        encoder=description.encoder.name,
        encoder_fingerprint=description.encoder.weights_sha256[:16],
        encoder_reason=reason,
        dataset=description.datasets,
        synthetic=description.synthetic,
        split=config.split,
        where=config.where,
        top_k=config.top_k,
        min_similarity=config.min_similarity,
        dedup=config.dedup or config.dedup_above is not None,
        dedup_above=config.dedup_above,
        diversity=config.diversity,
        templates=_templates(index, read, config),
        unknown_words=tuple(dict.fromkeys(w for term in terms for w in term.unknown_words)),
        warning=_warning(read, query.unknown),
        notes=_notes(config, found),
        duplicates=_same_content(index, read, found.hits),
        left_out=tuple(found.left_out),
        vote=found.vote,
        hits=tuple(found.hits),
    )


def _templates(index: GalleryIndex, read: ReadQuery, config: SearchConfig) -> tuple[str, ...]:
    if not config.ensemble or read.kind == "image":
        return ()
    return templates_for(index.description.modality)


def _warning(read: ReadQuery, unknown: Sequence[UnknownWords]) -> str | None:
    if len(read.parts) == 1:
        return unknown[0].warning or _nothing_to_see(read.parts[0])
    found = [
        f'"{part.term.value}": {words.warning}'
        for part, words in zip(read.parts, unknown, strict=True)
        if words.warning
    ]
    found += [warning for part in read.parts if (warning := _nothing_to_see(part))]
    return "; ".join(found) or None


def _nothing_to_see(part: Part) -> str | None:
    """Return what keeps an image from being a query, if anything does."""
    if part.pixels is None:
        return None
    height, width = part.pixels.shape[:2]
    if min(height, width) < SHORTEST_SIDE:
        return f"the query image has {width} × {height} px: its hits mean nothing"
    if (part.pixels == part.pixels[0, 0]).all():
        return "the query image is blank: its hits mean nothing"
    return None


def _notes(config: SearchConfig, found: Found) -> tuple[str, ...]:
    notes = []
    if config.diversity:
        notes.append(
            "hits stand in the order of maximal marginal relevance, not of their similarity"
        )
    if len(found.hits) < config.top_k:
        told = f"{len(found.hits)} of the {config.top_k} hits asked for"
        notes.append(f"{told}: no other image among {found.searched} can be one")
    return tuple(notes)


def _same_content(index: GalleryIndex, read: ReadQuery, hits: list[Hit]) -> tuple[str, ...]:
    digests = {part.digest for part in read.parts if part.digest is not None}
    rows = index.items.rows_of(hit.id for hit in hits)
    return tuple(
        hit.id
        for hit, row in zip(hits, rows, strict=True)
        if index.items.item(row).content_hash in digests
    )
