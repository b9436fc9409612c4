"""What files about a dataset are called."""

from __future__ import annotations

from pathlib import Path


def output_name(dataset: str) -> str:
    """Return the name of a dataset's outputs: its own, or that of its folder.

    Two folders may hold datasets of one name: a copy, a split, a second draw of a phantom.
    """
    from medx.core.files import safe_name

    return safe_name(Path(dataset).resolve().name)
