"""What a gallery in Milvus says of itself: what an index folder does, and where to find it."""

from __future__ import annotations

import shlex

from pydantic import PrivateAttr

from retrieval.encoders.base import Encoder
from retrieval.index.description import IndexDescription
from retrieval.index.tuning import Tuning


class MilvusDescription(IndexDescription):
    """The description of an open gallery; it has no segments of its own."""

    # Private, so that an index folder made of a gallery says nothing of either.
    _uri: str = PrivateAttr(default="")
    _tuning: Tuning | None = PrivateAttr(default=None)

    def opened(self, uri: str, tuning: Tuning | None) -> MilvusDescription:
        """Return the description of a gallery that is open at ``uri``."""
        description = self.model_copy()
        description._uri, description._tuning = uri, tuning
        return description

    @property
    def uri(self) -> str:
        """Where it was opened."""
        return self._uri

    @property
    def tuning(self) -> Tuning | None:
        """How the server's index is searched, and what that was measured to find."""
        return self._tuning

    def build_command(self, encoder: Encoder | None = None) -> str:
        """Return the command that builds this gallery again, by its own encoder or another."""
        return f"{super().build_command(encoder)} --backend milvus --uri {shlex.quote(self._uri)}"
