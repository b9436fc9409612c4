"""What a search returns: the one schema of every kind of query."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Hit, Interval, Value


def shown_similarity(value: float) -> str:
    """Return a cosine with three decimals, or more where it would pass for 1."""
    text = f"{value:.3f}"
    if text == "1.000" and value < 1 - 1e-6:  # a float32 cosine of one vector may miss 1
        text = f"{value:.4f}" if value < 0.99995 else ">0.9999"
    return text


class QueryTerm(Value):
    """One part of a query as it was searched."""

    kind: Literal["text", "id", "file", "url", "pixels"]
    value: str
    weight: float
    prompts: tuple[str, ...] = Field(
        default=(), description="The texts whose mean embedding stands for the words."
    )
    unknown_words: tuple[str, ...] = ()


class LeftOut(Value):
    """An image that would have been a hit but shows what another one shows."""

    id: str
    like: str = Field(description="The id of that hit, or `query`.")
    similarity: float = Field(description="Cosine of the two.")
    why: Literal["same pixels", "near-duplicate"]


class VoteShare(Value):
    """One label among the hits."""

    label: str
    share: float = Field(description="Of the weight of all labelled hits that count.")
    hits: int
    prevalence: float | None = Field(
        default=None, description="Share of the labelled images searched that have it."
    )


class VoteBin(Value):
    """Queries of val whose leading share lies in one range, and how many were right."""

    low: float
    high: float
    n: int
    mean_share: float
    right: float


class VoteCheck(Value):
    """How often the vote was right on val, where that was measured."""

    split: str
    gallery_split: str
    top_k: int
    n: int
    accuracy: Interval
    chance: float = Field(description="What always answering the most common label would reach.")
    mean_share: float
    calibration_error: float = Field(
        description="Mean distance of share and accuracy over ten bins, weighted by queries."
    )
    bins: tuple[VoteBin, ...]


class Vote(Value):
    """What the labels of the hits say together; a share is no probability."""

    label: str | None
    share: float | None
    shares: tuple[VoteShare, ...]
    voters: int
    unlabelled: int
    not_counted: tuple[str, ...] = Field(
        default=(), description="Hits with the query's pixels or of its group."
    )
    weighting: str
    check: VoteCheck | None = None
    note: str = "how often such shares are right was not measured"


class SearchResult(Value):
    """The answer to one query, with what is needed to judge it."""

    schema_version: int = 2
    kind: str
    query: str
    terms: tuple[QueryTerm, ...]
    index: str
    count: int = Field(description="Images in the index.")
    searched: int = Field(description="Those of them that split and filter leave.")
    encoder: str
    encoder_fingerprint: str
    encoder_reason: str = ""
    dataset: str
    synthetic: bool
    split: str
    where: str | None = None
    top_k: int
    min_similarity: float | None = None
    dedup: bool = False
    dedup_above: float | None = None
    diversity: float = 0.0
    templates: tuple[str, ...] = ()
    unknown_words: tuple[str, ...] = ()
    warning: str | None = None
    notes: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    vote: Vote | None = None
    hits: tuple[Hit, ...]
    disclaimer: str = DISCLAIMER
