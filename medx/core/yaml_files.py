"""Settings that a user wrote in YAML; light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medx.core.errors import InputError


def read_yaml_mapping(path: Path, what: str, *, lines: str = "name: value") -> dict[str, Any]:
    """Return the names and values of a YAML file.

    Args:
        path: The file.
        what: What is read, for the error: ``the recipe {path}``.
        lines: What its lines look like, for the error.

    Raises:
        InputError: When it cannot be read or holds anything else.
    """
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {what}: {error}") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{path} must hold {lines} lines")
    return loaded
