"""Where a gallery in Milvus is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MilvusPlace:
    """A gallery by its name in the Milvus at an address."""

    uri: str
    name: str

    def __str__(self) -> str:
        return f"{self.uri} (Milvus)"
