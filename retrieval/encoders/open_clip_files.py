"""The files of an open_clip model in a folder, checked without torch."""

from __future__ import annotations

import json
from pathlib import Path

from medx.core.errors import WeightsUnavailableError
from medx.core.models.catalogue import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS, TOKENIZERS


def missing_files(folder: Path) -> list[str]:
    """Return what a whole open_clip folder needs and this one lacks.

    A tokenizer is needed where the config names one; others are open_clip's own.
    """
    wanted: dict[str, tuple[str, ...]] = {"weights": OPEN_CLIP_WEIGHTS}
    if names_tokenizer(folder):
        wanted["tokenizer"] = TOKENIZERS
    lacking = [] if (folder / OPEN_CLIP_CONFIG).is_file() else [OPEN_CLIP_CONFIG]
    for what, names in wanted.items():
        if not any((folder / name).is_file() for name in names):
            lacking.append(f"{what} ({' or '.join(names)})")
    return lacking


def names_tokenizer(folder: Path) -> bool:
    """Return whether an open_clip config names a tokenizer; True for one that cannot be read."""
    try:
        config = json.loads((folder / OPEN_CLIP_CONFIG).read_text(encoding="utf-8"))
        return bool(config["model_cfg"]["text_cfg"].get("hf_tokenizer_name"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True


def checked_folder(folder: Path, *, hint: str) -> Path:
    """Return ``folder`` when it holds a whole open_clip model.

    Raises:
        WeightsUnavailableError: Naming what is missing.
    """
    missing = missing_files(folder)
    if missing:
        what = f"lacks {', '.join(missing)}" if folder.is_dir() else "is not a folder"
        raise WeightsUnavailableError(f"{folder} {what}", hint=hint)
    return folder.resolve()


def weight_file(folder: Path) -> Path:
    """Return the weight file that open_clip reads from ``folder``."""
    return next(path for name in OPEN_CLIP_WEIGHTS if (path := folder / name).is_file())
