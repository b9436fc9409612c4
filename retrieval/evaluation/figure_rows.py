"""From bootstrap samples to the rows of a result, keeping the samples for comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from retrieval.bootstrap import Sampled
from retrieval.evaluation.measures import Measure
from retrieval.evaluation.metrics import Floats
from retrieval.evaluation.results import MeasureRow, ProtocolResult, RowKey, Scope


@dataclass(frozen=True, eq=False)
class MeasuredProtocol:
    """A protocol's result with the bootstrap samples ``(R,)`` behind each of its rows."""

    result: ProtocolResult
    samples: dict[RowKey, Floats] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """What one scope is made of.

    Args:
        scope: All queries, one class, or the mean of classes.
        label: The class.
        members: Blocks of columns it is the unweighted mean of.
        counts: ``(M,)``: how many images each measure rests on.
    """

    scope: Scope
    label: str | None = None
    members: Sequence[int]
    counts: npt.NDArray[np.int64]


def make_rows(
    sampled: Sampled, chance: Floats, measures: Sequence[Measure], blocks: Sequence[Block]
) -> tuple[tuple[MeasureRow, ...], dict[RowKey, Floats]]:
    """Return the rows of every measure and block, and their samples; what is unknown is left out.

    Args:
        sampled: Columns in blocks of ``len(measures)``.
        chance: Chance level of each column.
        measures: The columns of one block.
        blocks: The scopes, in the order of rows.
    """
    rows, samples = [], {}
    expected = Sampled(chance, chance[None, :])
    for number, measure in enumerate(measures):
        for block in blocks:
            columns = [member * len(measures) + number for member in block.members]
            columns = [c for c in columns if np.isfinite(sampled.estimates[c])]
            figure = sampled.mean_of(columns)
            interval = sampled.interval(columns)
            if interval is None:
                continue
            row = MeasureRow(
                scope=block.scope,
                label=block.label,
                measure=measure.name,
                top_k=measure.top_k,
                value=interval,
                chance=float(expected.mean_of(columns).estimates[0]),
                n=int(block.counts[number]),
            )
            rows.append(row)
            samples[row.key] = figure.samples[:, 0]
    return tuple(rows), samples
