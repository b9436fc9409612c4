"""Embeddings of one encoder by the content of pictures: a folder of shards, only ever added to.

The names of the shards are the journal: one is there whole, under the hash of its bytes, or not
at all. So a crash loses no more than the shard that was not yet written, and several processes
may write at once.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from medx.core import settings
from medx.core.console import warn
from medx.core.errors import IndexMismatchError, InputError
from medx.core.files import make_dir, safe_name, write_text
from retrieval.embedding.key_table import KEY_BYTES, KeyTable
from retrieval.embedding.shard import HASH_BYTES, SHARD_SUFFIX, Bytes, Shard, load_shard, save_shard
from retrieval.encoders.base import Embeddings, Fingerprint

#: Content hashes ``(n, 32)``, and what reads the embeddings of some of these rows.
HeldPictures: TypeAlias = tuple[Bytes, Callable[[npt.NDArray[np.int64]], Embeddings]]

ENCODER_FILE = "encoder.json"

#: A temporary file that nobody wrote to for this long is left over from a crash.
ABANDONED_SECONDS = 3600

#: Shards held in memory while vectors are read: rows in the order of writing need one at a time.
OPEN_SHARDS = 4

_ROW_BITS = 32


class EmbeddingStore:
    """What was ever embedded by one encoder into one folder.

    Args:
        folder: Made when it is not there.
        fingerprint: Of the encoder.
        held: Pictures that the encoder embedded elsewhere; those not here yet are taken over.

    Raises:
        IndexMismatchError: When another encoder's embeddings are there.
        InputError: When something else is there.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: Fingerprint,
        *,
        held: Iterable[HeldPictures] = (),
    ) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        _claim(folder, fingerprint)
        _remove_abandoned(folder)
        self._files: list[Path] = []
        self._hashes: list[Bytes] = []
        self._pictures = KeyTable()
        self._images = KeyTable()
        self._open: OrderedDict[int, Embeddings] = OrderedDict()
        self._take_in(self._read_all())
        for pictures in held:
            self._adopt(*pictures)
        self.shards_before = len(self._files)

    def __len__(self) -> int:
        return sum(map(len, self._hashes))

    @property
    def shards(self) -> int:
        """How many files there are."""
        return len(self._files)

    def holds(self, content_hash: bytes) -> bool:
        """Return whether a picture is embedded."""
        return int(self._pictures.find(_key(content_hash))[0]) >= 0

    def held_before(self, content_hash: bytes) -> bool:
        """Return whether a picture was embedded when this store was opened."""
        place = int(self._pictures.find(_key(content_hash))[0])
        return 0 <= place < self.shards_before << _ROW_BITS

    def recall(self, file_signature: bytes) -> bytes | None:
        """Return the content hash of an image file that was read before in this very state."""
        place = int(self._images.find(_key(file_signature))[0])
        if place < 0:
            return None
        row = self._hashes[place >> _ROW_BITS][place & ((1 << _ROW_BITS) - 1)]
        return bytes(row)

    def add(self, shard: Shard) -> None:
        """Write a shard and know what is in it."""
        path = save_shard(shard, self.folder, self.fingerprint)
        if path not in self._files:
            self._take_in([(path, shard)])

    def embeddings(self, content_hashes: Bytes) -> Embeddings:
        """Return the vectors ``(N, dim)`` of pictures given by uint8 ``(N, 32)``.

        Raises:
            InputError: When one is not there, or not any more.
        """
        places = self._pictures.find(content_hashes[:, :KEY_BYTES])
        if (places < 0).any():
            raise InputError(f"{self.folder} lacks an embedding", hint="run the command again")
        vectors = np.empty((len(places), self.fingerprint.dim), np.float32)
        numbers, rows = places >> _ROW_BITS, places & ((1 << _ROW_BITS) - 1)
        for number in np.unique(numbers):
            here = numbers == number
            vectors[here] = self._vectors_of(int(number))[rows[here]]
        return vectors

    def _adopt(
        self, content_hashes: Bytes, embeddings_of: Callable[[npt.NDArray[np.int64]], Embeddings]
    ) -> None:
        _, first = np.unique(content_hashes, axis=0, return_index=True)
        new = first[self._pictures.find(content_hashes[first, :KEY_BYTES]) < 0]
        if len(new):
            self.add(
                Shard(
                    embeddings=embeddings_of(new),
                    content_hashes=content_hashes[new],
                    file_signatures=np.empty((0, KEY_BYTES), np.uint8),
                    file_hashes=np.empty((0, HASH_BYTES), np.uint8),
                )
            )

    def _vectors_of(self, number: int) -> Embeddings:
        if number not in self._open:
            try:
                shard = load_shard(self._files[number], self.fingerprint)
            except FileNotFoundError as error:
                raise InputError(
                    f"{self._files[number]} was removed meanwhile", hint="run the command again"
                ) from error
            self._open[number] = shard.embeddings
            if len(self._open) > OPEN_SHARDS:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        return self._open[number]

    def _read_all(self) -> Iterable[tuple[Path, Shard]]:
        for path in sorted(self.folder.glob(f"[!.]*{SHARD_SUFFIX}")):
            try:
                yield path, load_shard(path, self.fingerprint)
            except FileNotFoundError:
                continue
            except IndexMismatchError as error:
                warn(f"{error}: it is left alone")
            except InputError as error:
                warn(f"{error}; its images are embedded again")
                path.unlink(missing_ok=True)

    def _take_in(self, shards: Iterable[tuple[Path, Shard]]) -> None:
        keys, places, signatures, seen = [], [], [], []
        for path, shard in shards:
            first = len(self._files) << _ROW_BITS
            places.append(first + np.arange(len(shard.content_hashes), dtype=np.int64))
            keys.append(shard.content_hashes[:, :KEY_BYTES])
            signatures.append(shard.file_signatures)
            seen.append(shard.file_hashes[:, :KEY_BYTES])
            self._hashes.append(shard.content_hashes)
            self._files.append(path)
        if not keys:
            return
        self._pictures.add(np.concatenate(keys), np.concatenate(places))
        found = self._pictures.find(np.concatenate(seen))
        # A file whose picture stood in a shard that was lost is read again.
        self._images.add(np.concatenate(signatures)[found >= 0], found[found >= 0])


def default_folder(fingerprint: Fingerprint) -> Path:
    """Return where the embeddings of an encoder are kept unless the user names a folder."""
    said = fingerprint.model_dump_json(exclude_none=True)
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return settings.cache_dir() / "embeddings" / f"{safe_name(fingerprint.name)}-{digest}"


def as_rows(values: Iterable[bytes], width: int = HASH_BYTES) -> Bytes:
    """Return byte strings of one length as uint8 ``(N, width)``."""
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, width)


def _key(digest: bytes) -> Bytes:
    return np.frombuffer(digest, np.uint8, count=KEY_BYTES)[None]


def _claim(folder: Path, fingerprint: Fingerprint) -> None:
    """Say whose embeddings are in ``folder``, or check that they are those of ``fingerprint``."""
    make_dir(folder)
    path = folder / ENCODER_FILE
    if not path.is_file():
        strange = [p.name for p in folder.iterdir() if not p.name.startswith(".")]
        if strange and not path.is_file():  # another process may just have claimed it
            raise InputError(
                f"{folder} holds other files ({strange[0]})",
                hint="name a folder that is empty or not there yet",
            )
        write_text(path, fingerprint.model_dump_json(indent=2) + "\n")
        return
    try:
        held = Fingerprint.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path} is damaged", hint=f"delete {folder} and embed again") from error
    if held != fingerprint:
        raise IndexMismatchError(
            f"{folder} holds embeddings by {held}, not by {fingerprint}",
            hint="name another folder with --output",
        )


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f".*{SHARD_SUFFIX}"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                path.unlink()


def check_output(folder: Path, *, resume: bool) -> None:
    """Raise ``InputError`` when ``folder`` holds embeddings, unless they are to be added to."""
    if (folder / ENCODER_FILE).exists() and not resume:
        raise InputError(
            f"{folder} already holds embeddings", hint="pass --resume, or choose another folder"
        )
