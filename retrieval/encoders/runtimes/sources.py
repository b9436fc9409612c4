"""Where the export of an encoder is kept, known before the encoder is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from medx.core import settings
from medx.core.files import safe_name
from medx.core.models.catalogue import OPEN_CLIP_CONFIG, TOKENIZERS
from retrieval.encoders import split_name
from retrieval.encoders.base import Encoder
from retrieval.encoders.biomedclip_files import find_biomedclip
from retrieval.encoders.open_clip_files import missing_files, weight_file
from retrieval.encoders.runtimes.exported_files import EXPORT_VERSION, holds_export
from retrieval.encoders.weight_hash import weight_sha256


def find_export_dir(name: str, weights: Path | None) -> Path | None:
    """Return the folder an encoder is, or would be, exported to; None when only it can tell.

    Args:
        name: As ``choose_encoder`` returns it.
        weights: The folder that the user named; one that holds an export is taken itself.
    """
    if weights is not None and holds_export(weights):
        return weights
    folder = weights or (find_biomedclip() if name == "biomedclip" else None)
    family, member = split_name(name)
    if family not in ("biomedclip", "open_clip") or member:
        return None
    if folder is None or missing_files(folder):
        return None
    small = [folder / name for name in (OPEN_CLIP_CONFIG, *TOKENIZERS)]
    files = [weight_file(folder), *(path for path in small if path.is_file())]
    return _in_cache(name, [f"{path.name} {weight_sha256(path)}" for path in files])


def dir_of_encoder(encoder: Encoder) -> Path:
    """Return the folder in the cache for a loaded encoder whose files nobody else can name."""
    return _in_cache(encoder.name, [encoder.fingerprint.model_dump_json()])


def _in_cache(name: str, contents: list[str]) -> Path:
    digest = hashlib.sha256("\n".join([str(EXPORT_VERSION), *contents]).encode()).hexdigest()
    return settings.cache_dir() / "encoders" / f"{safe_name(name)}-{digest[:16]}"
