"""What identifies the content of an image file, found without reading it again each time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from medx.core.console import track
from medx.core.files import sha256_file, write_text
from medx.core.threads import map_in_threads
from medx.datasets.manifest import Record
from medx.datasets.manifest_files import split_path

#: A file changed this recently may change again without its times showing it (FAT counts 2 s).
SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What identifies each image of a list of records.

    Args:
        images: 32 hex digits an image, None for a file that cannot be opened.
        signatures: What the files' state on disk was when that was found, by path below the root.
    """

    images: tuple[str | None, ...]
    signatures: dict[str, str | None]

    def still_holds(self, root: Path) -> bool:
        """Return False when a file was edited since."""
        return all(_signature(root / name) == held for name, held in self.signatures.items())


def identify(records: Sequence[Record], root: Path, memory: Path) -> Identity:
    """Return what identifies the images of ``records``: their bytes, suffix and frame or row.

    Reading every byte at every start would take long, and name, size and time alone are fooled by
    an edit of the same size within one tick of the clock. So bytes are hashed once and remembered
    under a signature (path, size, inode, time of modification and of change), as git does for its
    index. Files changed in the last two seconds are not remembered.

    Args:
        records: Records whose paths are below ``root``.
        root: Their folder.
        memory: The JSON file to remember in. It holds hashes only, no file name.
    """
    parts = [split_path(record.path) for record in records]
    signatures = {name: _signature(root / name) for name in dict.fromkeys(p[0] for p in parts)}
    known = _recall(memory)
    digests = _hash_files(root, [n for n, s in signatures.items() if s and s not in known])
    fresh = {s: d for n, (d, settled) in digests.items() if settled and (s := signatures[n])}
    if fresh:
        with suppress(OSError):  # what cannot be remembered is hashed again
            write_text(memory, json.dumps(known | fresh))

    def image(name: str, inside: str) -> str | None:
        signature = signatures[name]
        content = digests[name][0] if name in digests else known.get(signature or "")
        # The reader goes by the suffix, so the same bytes may mean two images.
        return content and _digest(content, Path(name).suffix.lower(), inside)

    return Identity(images=tuple(image(*part) for part in parts), signatures=signatures)


def _hash_files(root: Path, names: Sequence[str]) -> dict[str, tuple[str | None, bool]]:
    """Return the hash of each file (None: unreadable) and whether it may be remembered."""
    if not names:
        return {}

    def work(name: str) -> tuple[str | None, bool]:
        try:
            settled = settled_signature(root / name) is not None
            return sha256_file(root / name)[:32], settled
        except OSError:
            return None, False

    with closing(map_in_threads(work, names)) as results:
        shown = track(results, "checking files", total=len(names))
        return dict(zip(names, shown, strict=True))


def settled_signature(path: Path) -> str | None:
    """Return 32 hex digits of a file's path and state on disk, which change when the file does.

    None for a file that is not there, or may change again without its times showing it.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return _signature(path) if max(times) < time.time_ns() - SETTLED_NS else None


def _signature(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return None
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return _digest(path, status.st_size, status.st_ino, *times)


def _digest(*facts: object) -> str:
    text = "\0".join(map(str, facts))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _recall(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a damaged memory costs a second look at the files
        return {}
    return known if isinstance(known, dict) else {}
