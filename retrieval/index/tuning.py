"""How an accelerator is searched, and what that was measured to find."""

from __future__ import annotations

from pydantic import Field

from medx.core.values import Interval, Value
from retrieval.index.kinds import Kind

#: ``top_k`` that recall is measured at.
MEASURED_TOP_K = 10
#: The recall that is promised where it can be reached.
TARGET_RECALL = 0.95


class Tuning(Value):
    """How hard an accelerator looks, and what share of the true neighbours it finds so."""

    kind: Kind
    effort: int = Field(description="FAISS's efSearch of a graph, nprobe of an inverted file.")
    candidates: int = Field(description="Rows proposed for each query and ranked exactly.")
    recall: Interval = Field(description="recall@10 against exact search, on held images.")
    queries: int = Field(description="Held images it was measured on.")

    @property
    def reached(self) -> bool:
        """Whether the recall is what medx promises."""
        return self.recall.estimate >= TARGET_RECALL

    def __str__(self) -> str:
        knob = "efSearch" if self.kind == "hnsw" else "nprobe"
        return (
            f"{self.kind} with {knob} {self.effort} and {self.candidates} candidates: recall@10 "
            f"{self.recall} against exact search, on {self.queries} held images"
        )
