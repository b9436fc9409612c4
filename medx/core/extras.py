"""Whether the packages of an extra are installed, found out without importing them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from medx.core.errors import MissingExtraError


def require_packages(feature: str, extra: str, packages: Iterable[str]) -> None:
    """Raise ``MissingExtraError`` unless every package is installed.

    Args:
        feature: What needs them.
        extra: The pip extra that brings them.
        packages: Top-level names, as they are imported.
    """
    if any(importlib.util.find_spec(package) is None for package in packages):
        raise MissingExtraError(feature, extra)
