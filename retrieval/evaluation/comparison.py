"""Several indexes that hold the same images, measured on the same queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import Field

from medx.core.console import note, warn
from medx.core.errors import InputError
from medx.core.files import write_text
from medx.core.settings import DISCLAIMER
from medx.core.statistics import percentile_interval
from medx.core.values import Interval, Value
from retrieval.config import EvaluateConfig
from retrieval.encoders.base import Encoder, Fingerprint
from retrieval.evaluation.comparison_figure import save_comparison_figure
from retrieval.evaluation.evaluate import measure_index
from retrieval.evaluation.figure_rows import MeasuredProtocol
from retrieval.evaluation.ledger import datasets_met, enter_look
from retrieval.evaluation.measures import MeasureName
from retrieval.evaluation.results import ProtocolResult, Scope, Task, short_name
from retrieval.index.gallery_index import GalleryIndex


@dataclass(frozen=True, kw_only=True, eq=False)
class Contender:
    """An index to compare.

    Args:
        index: The index.
        encoder: What made it.
        kind: What it is searched as; None is its own kind.
        backend: What keeps it, where others of its name are kept elsewhere.
    """

    index: GalleryIndex
    encoder: Encoder
    kind: str | None = None
    backend: str = ""

    @property
    def name(self) -> str:
        """How the comparison calls it."""
        name = f"{self.index.name} in {self.backend}" if self.backend else self.index.name
        return f"{name} ({self.kind})" if self.kind else name


class ComparedIndex(Value):
    """What one index scored."""

    name: str
    index: str
    encoder: Fingerprint
    protocols: tuple[ProtocolResult, ...]
    test_evaluations: int = Field(
        default=0, description="How often this encoder has met the dataset's test split so far."
    )


class PairedDifference(Value):
    """One figure of ``second`` less that of ``first``, over the very same draws of queries."""

    task: Task
    protocol: str
    first: str
    second: str
    scope: Scope
    label: str | None
    measure: MeasureName
    top_k: int | None
    difference: Interval

    @property
    def metric(self) -> str:
        """Its usual name: ``P@10``, ``mAP``."""
        return short_name(self.measure, self.top_k)


class ComparisonResult(Value):
    """``metrics.json`` of ``medx retrieve compare``."""

    schema_version: int = 1
    dataset: str
    datasets: tuple[str, ...] = Field(description="All whose images were looked at.")
    synthetic: bool
    split: str
    seed: int
    indexes: tuple[ComparedIndex, ...]
    differences: tuple[PairedDifference, ...] = Field(description="Each less the first.")
    notes: tuple[str, ...] = ()
    run_dir: str | None = None
    figure: str | None = None
    disclaimer: str = DISCLAIMER


def compare_indexes(
    contenders: Sequence[Contender], config: EvaluateConfig | None = None
) -> ComparisonResult:
    """Return what each index scores, and each one's difference to the first with its interval.

    Raises:
        InputError: When there are fewer than two, two are the same, or they hold other images.
        IndexMismatchError: When an index was made by another encoder than the one beside it.
    """
    config = config or EvaluateConfig()
    _check_comparable(contenders, config.split)
    notes: list[str] = []
    compared, measured = [], []
    for contender in contenders:
        note(f"measuring {contender.name}")
        settled = replace(config, kind=contender.kind)
        protocols, said = measure_index(contender.index, contender.encoder, settled)
        notes += [f"{contender.name}: {text}" for text in said]
        measured.append((contender.name, protocols))
        compared.append(
            ComparedIndex(
                name=contender.name,
                index=contender.index.name,
                encoder=contender.encoder.fingerprint,
                protocols=tuple(protocol.result for protocol in protocols),
            )
        )
    for message in notes:
        warn(message)
    description = contenders[0].index.description
    return ComparisonResult(
        dataset=description.dataset,
        datasets=datasets_met(contenders[0].index, config.split),
        synthetic=description.synthetic,
        split=config.split,
        seed=config.seed,
        indexes=tuple(compared),
        differences=tuple(
            difference
            for second in measured[1:]
            for difference in _differences(measured[0], second)
        ),
        notes=tuple(notes),
    )


def save_comparison(result: ComparisonResult, run_dir: Path) -> ComparisonResult:
    """Write ``metrics.json`` and a figure into ``run_dir``; return the result with its place.

    Each encoder's look at test images is entered into the test ledger.

    Raises:
        CheckpointError: When the ledger is damaged.
    """
    encoders = {str(entry.encoder): entry.encoder for entry in result.indexes}
    looks = {
        name: enter_look(encoder, result.datasets, result.split, run_dir)
        for name, encoder in encoders.items()
    }
    indexes = [
        entry.model_copy(update={"test_evaluations": looks[str(entry.encoder)]})
        for entry in result.indexes
    ]
    figure = run_dir / "figures" / "comparison.png"
    placed = result.model_copy(
        update={"indexes": tuple(indexes), "run_dir": str(run_dir), "figure": str(figure)}
    )
    save_comparison_figure(
        [(entry.name, entry.protocols) for entry in placed.indexes],
        f"{'SYNTHETIC ' if placed.synthetic else ''}{placed.dataset}, split {placed.split}",
        figure,
    )
    write_text(run_dir / "metrics.json", placed.model_dump_json(indent=2) + "\n")
    return placed


def _check_comparable(contenders: Sequence[Contender], split: str) -> None:
    names = [contender.name for contender in contenders]
    if len(names) < 2:
        raise InputError(
            "a comparison needs at least two indexes",
            hint="name indexes, or pass --encoder or --kind more than once",
        )
    if len(set(names)) < len(names):
        raise InputError("an index is named twice", hint=f"given: {', '.join(names)}")
    first = _images(contenders[0].index, split)
    for contender in contenders[1:]:
        held = _images(contender.index, split)
        if held != first:
            raise InputError(
                f"{contenders[0].name} and {contender.name} hold different images: "
                f"{len(held ^ first)} of splits {split} and train are not in both alike",
                hint="build both from the same dataset",
            )


def _images(index: GalleryIndex, split: str) -> set[tuple[str | None, ...]]:
    """Return id, pixels, label, split and group of every image that may be asked or found."""
    columns = ("id", "content_hash", "label", "split", "group")
    rows = zip(*(index.items.column(name) for name in columns), strict=True)
    return {row for row in rows if split == "all" or row[3] in (split, "train")}


def _differences(
    first: tuple[str, Sequence[MeasuredProtocol]], second: tuple[str, Sequence[MeasuredProtocol]]
) -> list[PairedDifference]:
    ours = {measured.result.protocol: measured for measured in first[1]}
    found = []
    for measured in second[1]:
        other = ours.get(measured.result.protocol)
        if other is None:
            continue
        # A mean over other classes is another figure.
        classes = measured.result.unmeasured == other.result.unmeasured
        theirs = {row.key: row for row in other.result.rows}
        for row in measured.result.rows:
            if row.key not in theirs or (row.scope == "macro" and not classes):
                continue
            interval = percentile_interval(
                row.value.estimate - theirs[row.key].value.estimate,
                np.asarray(measured.samples[row.key] - other.samples[row.key]),
            )
            if interval is not None:
                found.append(
                    PairedDifference(
                        task=measured.result.task,
                        protocol=measured.result.protocol,
                        first=first[0],
                        second=second[0],
                        scope=row.scope,
                        label=row.label,
                        measure=row.measure,
                        top_k=row.top_k,
                        difference=interval,
                    )
                )
    return found
