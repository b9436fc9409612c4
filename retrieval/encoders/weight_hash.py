"""SHA-256 of large weight files, computed once and remembered until the file changes."""

from __future__ import annotations

import json
from pathlib import Path

from medx.core import settings
from medx.core.files import sha256_file, write_json


def weight_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a weight file; one whose size and time are known is not read."""
    real = path.resolve()
    stat = real.stat()
    seen = [stat.st_size, stat.st_mtime_ns]
    memory = settings.cache_dir() / "weight-hashes.json"
    known = _read(memory)
    entry = known.get(str(real))
    if isinstance(entry, dict) and entry.get("seen") == seen:
        return str(entry["sha256"])
    digest = sha256_file(real)
    write_json(memory, {**known, str(real): {"seen": seen, "sha256": digest}})
    return digest


def _read(path: Path) -> dict[str, object]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
