"""Names that point at classes without importing them."""

from __future__ import annotations

import importlib
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
        extra: The pip extra that brings its packages, or None when the base install does.
    """

    target: str
    summary: str = ""
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
        """Import and return what ``name`` stands for.

        Raises:
            UnknownNameError: When the table holds no such name.
            MissingExtraError: When packages of its extra are not installed.
        """
        entry = self.entry(name)
        module, _, attribute = entry.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if entry.extra is None:
                raise
            raise MissingExtraError(name, entry.extra) from error
