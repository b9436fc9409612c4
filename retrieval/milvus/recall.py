"""How hard a server's index has to look, measured on images it does not hold yet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from medx.core.console import note, warn
from retrieval.bootstrap import mean_interval
from retrieval.encoders.base import Embeddings
from retrieval.index.kinds import Kind
from retrieval.index.tuning import MEASURED_TOP_K, TARGET_RECALL, Tuning
from retrieval.milvus.kinds import AIM, EFFORTS
from retrieval.milvus.nearest import SAME, ask, compare
from retrieval.milvus.part import Part

#: Vectors past which comparing all of them here, to know the truth, takes too long.
MOST_COMPARED = 5_000_000


def tune(part: Part, kind: Kind, held: Embeddings) -> Tuning | None:
    """Return the least effort that reaches the aim on half of some queries, measured on the others.

    Args:
        part: Every row of a collection.
        kind: The kind of its index; not ``flat``.
        held: Vectors ``(Q, dim)`` that the collection does not hold.
    """
    if len(part) > MOST_COMPARED or len(part) < MEASURED_TOP_K or len(held) < 2:
        note(f"the recall of {kind} over {len(part)} images was not measured")
        return None
    exact = compare(part, held, MEASURED_TOP_K, chosen="").similarities
    best = (-1.0, EFFORTS[kind][0])
    for effort in EFFORTS[kind]:
        recall = float(_recalls(part, kind, held[::2], exact[::2], effort).mean())
        best = max(best, (recall, effort), key=lambda pair: pair[0])
        if recall >= AIM:
            break
    recalls = _recalls(part, kind, held[1::2], exact[1::2], best[1])
    tuning = Tuning(
        kind=kind,
        effort=best[1],
        candidates=MEASURED_TOP_K,
        recall=mean_interval(recalls, unit="queries"),
        queries=len(recalls),
    )
    note(str(tuning))
    if not tuning.reached:
        warn(f"recall@10 {tuning.recall.estimate:.3f} is below {TARGET_RECALL}")
    return tuning


def _recalls(
    part: Part, kind: str, queries: Embeddings, exact: npt.NDArray[np.float32], effort: int
) -> npt.NDArray[np.float64]:
    found = ask(
        part, queries, MEASURED_TOP_K, kind=kind, chosen="", available=len(part), effort=effort
    )
    if found is None:
        return np.zeros(len(queries))
    hits = (found.similarities[:, :MEASURED_TOP_K] >= exact[:, -1:] - SAME).sum(axis=1)
    return np.asarray(hits / MEASURED_TOP_K, np.float64)
