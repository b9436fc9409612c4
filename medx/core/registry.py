"""Names that point at classes without importing them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from medx.core.errors import MissingExtraError, UnknownNameError


@dataclass(frozen=True)
class Entry:
    """Where an implementation lives and what it needs.

    Args:
        target: ``"package.module:Name"``.
        summary: One line for ``--help`` and listings.
        requires: A module that must be importable, or None.
        extra: The pip extra that brings ``requires``, or None when the base install does.
    """

    target: str
    summary: str = ""
    requires: str | None = None
    extra: str | None = None


class Registry:
    """A table from names to lazily imported classes."""

    def __init__(self, kind: str, entries: dict[str, Entry]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def register(self, name: str, entry: Entry) -> None:
        """Add or replace one entry."""
        self._entries[name] = entry

    def entry(self, name: str) -> Entry:
        """Return the entry of ``name``; raise ``UnknownNameError`` with near names."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(self.kind, name, self._entries) from None

    def load(self, name: str) -> Any:
        """Import and return what ``name`` stands for."""
        entry = self.entry(name)
        if entry.requires and importlib.util.find_spec(entry.requires) is None:
            raise MissingExtraError(name, entry.extra or "all")
        module, _, attribute = entry.target.partition(":")
        return getattr(importlib.import_module(module), attribute)
