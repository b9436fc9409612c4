"""What a gallery in Milvus says of itself: what an index folder does, and where to find it."""

from __future__ import annotations

import shlex

from pydantic import Field

from retrieval.encoders.base import Encoder
from retrieval.index.description import IndexDescription
from retrieval.index.tuning import Tuning


class MilvusDescription(IndexDescription):
    """The description of a gallery; it has no segments of its own."""

    uri: str = Field(default="", description="Where it was opened; filled in then.")
    tuned: Tuning | None = Field(default=None, description="How its index is searched.")

    @property
    def tuning(self) -> Tuning | None:
        """How the server's index is searched, and what that was measured to find."""
        return self.tuned

    def build_command(self, encoder: Encoder | None = None) -> str:
        """Return the command that builds this gallery again, by its own encoder or another."""
        return f"{super().build_command(encoder)} --backend milvus --uri {shlex.quote(self.uri)}"
