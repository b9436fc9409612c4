"""Where the export of an encoder is kept, known before the encoder is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from medx.core import settings
from medx.core.files import safe_name
from retrieval.encoders import split_name
from retrieval.encoders.base import Encoder
from retrieval.encoders.biomedclip_files import (
    CONFIG_FILE,
    TOKENIZER_FILES,
    find_biomedclip,
    missing_files,
    weight_file,
)
from retrieval.encoders.runtimes.exported_files import EXPORT_VERSION, holds_export
from retrieval.encoders.weight_hash import weight_sha256

#: Encoders whose folder is laid out as open_clip's hub repositories are.
OPEN_CLIP_FAMILIES = ("biomedclip", "open_clip")


def find_export_dir(name: str, weights: Path | None) -> Path | None:
    """Return the folder an encoder is, or would be, exported to; None when only it can tell.

    Args:
        name: As ``choose_encoder`` returns it.
        weights: The folder that the user named; one that holds an export is taken itself.
    """
    if weights is not None and holds_export(weights):
        return weights
    family, member = split_name(name)
    if family not in OPEN_CLIP_FAMILIES or member:
        return None
    folder = weights or find_biomedclip()
    if folder is None or missing_files(folder):
        return None
    small = [folder / name for name in (CONFIG_FILE, *TOKENIZER_FILES)]
    return export_dir(family, [weight_file(folder), *(path for path in small if path.is_file())])


def export_dir(name: str, files: list[Path]) -> Path:
    """Return the folder in the cache for an encoder made of these files."""
    digest = hashlib.sha256(str(EXPORT_VERSION).encode())
    for path in files:
        digest.update(f"\n{path.name} {weight_sha256(path)}".encode())
    return settings.cache_dir() / "encoders" / f"{safe_name(name)}-{digest.hexdigest()[:16]}"


def dir_of_encoder(encoder: Encoder) -> Path:
    """Return the folder in the cache for a loaded encoder whose files nobody else can name."""
    digest = hashlib.sha256(encoder.fingerprint.model_dump_json().encode()).hexdigest()
    return settings.cache_dir() / "encoders" / f"{safe_name(encoder.name)}-{digest[:16]}"
