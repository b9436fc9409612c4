"""Where BiomedCLIP's files are on this machine, found without the network and without torch."""

from __future__ import annotations

import os
from pathlib import Path

from medx.core.errors import WeightsUnavailableError

REPOSITORY = "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"
CONFIG_FILE = "open_clip_config.json"

#: In the order open_clip looks for them in a folder.
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")

#: What is fetched from the hub.
WANTED_FILES = ("*.json", "*.txt", *WEIGHT_FILES)


def find_biomedclip() -> Path | None:
    """Return the folder of a whole BiomedCLIP in the hub cache, or None."""
    repository = hub_cache() / f"models--{REPOSITORY.replace('/', '--')}"
    try:
        revision = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    folder = repository / "snapshots" / revision
    return folder if not missing_files(folder) else None


def checked_folder(folder: Path) -> Path:
    """Return ``folder`` when it holds a whole BiomedCLIP.

    Raises:
        WeightsUnavailableError: Naming what is missing.
    """
    missing = missing_files(folder)
    if missing:
        what = f"lacks {', '.join(missing)}" if folder.is_dir() else "is not a folder"
        raise WeightsUnavailableError(f"{folder} {what}", hint=how_to_get())
    return folder.resolve()


def missing_files(folder: Path) -> list[str]:
    """Return what a whole BiomedCLIP folder needs and this one lacks."""
    wanted = {CONFIG_FILE: (CONFIG_FILE,), "weights": WEIGHT_FILES, "tokenizer": TOKENIZER_FILES}
    lacking = []
    for what, names in wanted.items():
        if not any((folder / name).is_file() for name in names):
            lacking.append(what if len(names) == 1 else f"{what} ({' or '.join(names)})")
    return lacking


def weight_file(folder: Path) -> Path:
    """Return the weight file that open_clip reads from ``folder``."""
    return next(path for name in WEIGHT_FILES if (path := folder / name).is_file())


def hub_cache() -> Path:
    """Return the Hugging Face hub's cache folder, as its own library resolves it."""
    if value := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(value).expanduser()
    if value := os.environ.get("HF_HOME"):
        return Path(value).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "huggingface" / "hub"


def how_to_get() -> str:
    """Return what to fetch and where to put it."""
    return (
        f"fetch {REPOSITORY} where there is internet (`hf download {REPOSITORY} --local-dir DIR`), "
        "copy DIR here and pass --weights DIR; or use --encoder compact"
    )
