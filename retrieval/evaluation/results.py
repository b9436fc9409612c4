"""What an evaluation says: measures with interval and chance level, by protocol and class."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value
from retrieval.encoders.base import Fingerprint
from retrieval.evaluation.measures import MeasureName

Task = Literal["image-to-image", "text-to-image"]
Protocol = Literal["leave-one-out", "train-gallery", "class-prompts"]
Scope = Literal["all", "macro", "class"]
RowKey = tuple[str, str | None, str, int | None]

SHORT_NAMES = {
    "precision": "P",
    "recall": "R",
    "ndcg": "nDCG",
    "average_precision": "mAP",
    "reciprocal_rank": "MRR",
}


def short_name(measure: MeasureName, top_k: int | None) -> str:
    """Return ``P@10``, ``R@10``, ``nDCG@10``, ``mAP@10``, ``mAP`` or ``MRR``."""
    short = SHORT_NAMES[measure]
    return short if top_k is None else f"{short}@{top_k}"


class MeasureRow(Value):
    """One figure: a mean over all queries, over one class, or the unweighted mean over classes.

    ``top_k`` is None where the whole ranking counts. ``chance`` is the exact expectation over
    random orders of the gallery; ``n`` counts the queries, or for text→image the gallery images
    that are relevant.
    """

    scope: Scope
    label: str | None = None
    measure: MeasureName
    top_k: int | None
    value: Interval
    chance: float
    n: int

    @property
    def name(self) -> str:
        """Its usual name."""
        return short_name(self.measure, self.top_k)

    @property
    def key(self) -> RowKey:
        """What it is of, whoever answered."""
        return (self.scope, self.label, self.measure, self.top_k)


class Hubness(Value):
    """How unevenly neighbours fall: a few hubs near everything, many images near nothing.

    ``skewness`` is that of the k-occurrence (Radovanović, Nanopoulos and Ivanović 2010): in how
    many queries' first k hits each gallery image stands. That of random neighbours is near zero.
    """

    top_k: int
    skewness: float | None = Field(description="None when every image occurs equally often.")
    chance_skewness: float | None
    anti_hubs: float = Field(description="Share of gallery images that are nobody's neighbour.")
    chance_anti_hubs: float
    largest: int = Field(description="Queries that have the greatest hub among their hits.")


class WrongNeighbour(Value):
    """A query whose nearest image has another label.

    Both are named by the first digits of their content hash; no id, path or patient is.
    ``margin`` is how much nearer the wrong image is than the nearest right one.
    """

    query: str
    query_label: str
    neighbour: str
    neighbour_label: str
    similarity: float
    margin: float | None = Field(description="None when no right image could be met.")


class ProtocolResult(Value):
    """All figures of one protocol and what went into them."""

    task: Task
    protocol: Protocol
    split: str
    gallery_split: str
    kind: str = Field(
        default="flat",
        description="The kind of index that found the neighbours; others than flat find no whole "
        "ranking, so they have no mAP and MRR.",
    )
    kind_recall: Interval | None = Field(
        default=None, description="Its recall@10 against exact search; None: it is exact."
    )
    queries: int
    gallery: int
    resampled: str = Field(description="What the bootstrap draws again.")
    all_or_none: str = Field(
        default="", description="The interval of a figure of 0 or 1, whose resamples are all alike."
    )
    chance_method: str = "exact expectation over random orders of the gallery"
    excluded_duplicates: int = Field(
        default=0, description="Query-hit pairs left out because both have the very same pixels."
    )
    excluded_same_group: int = Field(
        default=0, description="Query-hit pairs left out because both are of one group (patient)."
    )
    unlabelled: int = Field(default=0, description="Images left out for want of a label.")
    unanswerable: int = Field(
        default=0,
        description="Queries with no relevant image to be found: their precision is 0, and they "
        "count in no other measure.",
    )
    prompts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    unknown_words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    unmeasured: tuple[str, ...] = Field(
        default=(), description="Classes left out: the encoder knows no word of their prompts."
    )
    rows: tuple[MeasureRow, ...]
    hubness: Hubness | None = Field(default=None, description="Only for image→image.")
    wrong_neighbours: tuple[WrongNeighbour, ...] = Field(
        default=(), description="The most similar wrong nearest neighbours; only for image→image."
    )

    def row(
        self,
        top_k: int | None,
        *,
        measure: MeasureName = "precision",
        scope: str = "all",
        label: str | None = None,
    ) -> MeasureRow:
        """Return one figure."""
        for row in self.rows:
            if row.key == (scope, label, measure, top_k):
                return row
        raise ValueError(f"no row with {measure} at {top_k}, scope {scope!r}, label {label!r}")


class EvaluationResult(Value):
    """``metrics.json`` of ``medx retrieve evaluate``."""

    schema_version: int = 2
    index: str
    encoder: Fingerprint
    encoder_reason: str
    dataset: str
    datasets: tuple[str, ...] = Field(description="All whose images were looked at.")
    synthetic: bool
    split: str
    seed: int
    seconds: float
    notes: tuple[str, ...] = ()
    protocols: tuple[ProtocolResult, ...]
    test_evaluations: int = Field(
        default=0, description="How often this encoder has met the dataset's test split so far."
    )
    run_dir: str | None = None
    page: str | None = Field(default=None, description="The wrong neighbours, to look at.")
    disclaimer: str = DISCLAIMER
