"""What the commands that change or check an index say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from retrieval.embedding.result import SkippedImage
from retrieval.encoders.base import Fingerprint
from retrieval.index.description import DatasetOrigin
from retrieval.index.kinds import Kind
from retrieval.index.tuning import Tuning


class ChangeResult(Value):
    """What became of an index."""

    schema_version: int = 1
    command: Literal["add", "update", "remove", "merge"]
    index: str
    index_dir: str
    added: int = 0
    changed: int = Field(default=0, description="Images whose pixels are others than before.")
    relabelled: int = Field(default=0, description="Same pixels, other label, split or text.")
    removed: int = 0
    unchanged: int = 0
    embedded: int = Field(default=0, description="Images the encoder had to look at.")
    differing: tuple[str, ...] = Field(
        default=(), description="Ids whose image or row differs from the indexed one, which stayed."
    )
    renamed: tuple[str, ...] = Field(
        default=(), description="Ids that got the dataset's name in front, being taken already."
    )
    absent: tuple[str, ...] = Field(default=(), description="Ids that were not there to remove.")
    skipped: tuple[SkippedImage, ...] = ()
    count: int = Field(description="Images that can be found now.")
    segments: int
    seconds: float
    disclaimer: str = DISCLAIMER


class CompactResult(Value):
    """What rewriting an index into one segment brought."""

    schema_version: int = 1
    index: str
    index_dir: str
    count: int
    segments_before: int
    segments: int
    dropped: int = Field(description="Removed images whose vectors were still stored.")
    megabytes_before: float
    megabytes: float
    kind: Kind
    tuning: Tuning | None = Field(description="Recall of a kind that is not exact.")
    seconds: float
    disclaimer: str = DISCLAIMER


class Problem(Value):
    """Something wrong with an index."""

    file: str
    what: str


class VerifyResult(Value):
    """Whether the files of an index are whole and belong together."""

    schema_version: int = 1
    index: str
    index_dir: str
    ok: bool
    count: int
    files: int
    megabytes: float = Field(description="Of its files; in a Milvus, of the vectors alone.")
    problems: tuple[Problem, ...]
    unnamed: tuple[str, ...] = Field(
        default=(), description="Left by a change that was cut short; the next change removes them."
    )
    seconds: float
    disclaimer: str = DISCLAIMER


class SegmentInfo(Value):
    """One segment of an index."""

    name: str
    images: int
    removed: int
    kind: Kind
    megabytes: float


class IndexInfo(Value):
    """What an index holds and how it is kept."""

    schema_version: int = 1
    index: str
    index_dir: str
    kind: Kind
    tuning: Tuning | None = Field(description="Recall of a kind that is not exact.")
    encoder: Fingerprint
    encoder_weights: str | None
    count: int
    splits: dict[str, int]
    columns: tuple[str, ...] = Field(description="What --where can ask for.")
    origins: tuple[DatasetOrigin, ...]
    synthetic: bool
    generation: int
    created: str
    changed: str
    segments: tuple[SegmentInfo, ...]
    removed: int = Field(description="Removed images whose vectors are still stored.")
    megabytes: float = Field(description="Of its files; in a Milvus, of the vectors alone.")
    advice: str | None = None
    disclaimer: str = DISCLAIMER
