"""Stand-ins for identifiers: the same for the same key, not to be computed without it.

A plain hash of a patient id can be undone by hashing every id there is. HMAC-SHA256 under a secret
key cannot. The key is ``MEDX_PSEUDONYM_KEY``, or a random one made once in the user's
configuration folder; it never lies beside a dataset.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from medx.core.console import note, warn
from medx.core.errors import InputError
from medx.core.settings import config_dir

KEY_FILE = "pseudonym.key"
#: Shorter keys could be guessed.
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Pseudonyms:
    """Turns identifiers into stand-ins under one secret key."""

    key: bytes = field(repr=False)

    def code(self, kind: str, *parts: str) -> str:
        """Return 16 hex digits for an identifier; another ``kind`` gives another code."""
        return self._digest(kind, parts).hex()[:16]

    def uid(self, uid: str) -> str:
        """Return a DICOM UID below 2.25 (PS3.5 B.2) for a UID."""
        return f"2.25.{int.from_bytes(self._digest('uid', (uid,))[:16], 'big')}"

    def _digest(self, kind: str, parts: tuple[str, ...]) -> bytes:
        message = "\0".join((kind, *parts)).encode()
        return hmac.new(self.key, message, hashlib.sha256).digest()


def load_pseudonyms() -> Pseudonyms:
    """Return the pseudonyms of this user, making a key the first time.

    Raises:
        InputError: When the key is too short or the key file cannot be read.
    """
    if value := os.environ.get("MEDX_PSEUDONYM_KEY"):
        return Pseudonyms(_checked(value.encode(), "MEDX_PSEUDONYM_KEY"))
    path = config_dir() / KEY_FILE
    if not path.exists():
        _make_key(path)
    key = path.read_bytes().strip()
    if os.name == "posix" and path.stat().st_mode & 0o077:
        warn(f"others can read {path}: chmod 600 it, or the pseudonyms are not secret")
    return Pseudonyms(_checked(key, str(path)))


def _checked(key: bytes, origin: str) -> bytes:
    if len(key) < SHORTEST_KEY:
        raise InputError(
            f"{origin} must hold at least {SHORTEST_KEY} characters",
            hint="make one with: python -c 'import secrets; print(secrets.token_hex(32))'",
        )
    return key


def _make_key(path: Path) -> None:
    """Write a random key that only the user can read; a key that is there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{KEY_FILE}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32) + "\n")
        # Unlike a rename, a link never replaces the key another process has just made.
        os.link(name, path)
        note(f"made a key for patient pseudonyms: {path}. Keep it: another key gives other groups")
    except FileExistsError:
        pass
    finally:
        Path(name).unlink(missing_ok=True)
