"""A picture that a client sent: read by what it holds, never by what it is called."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import UploadFile
from starlette.formparsers import MultiPartParser

from medx.core.errors import InputError
from medx.core.images import Image, count_frames, read_image
from medx.server.batching import Busy
from medx.server.config import ServeConfig
from medx.server.workers import Workers

#: What an uploaded image is called everywhere; the client's name may name its patient.
UPLOAD = "upload"

#: Bytes that the pixels of all requests may take together.
MOST_HELD = 1 << 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Upload:
    """One picture of a file.

    Args:
        frame: Which one it is, from 0.
        frames: How many the file holds.
    """

    image: Image
    frame: int
    frames: int


class Uploads:
    """Decodes uploads on threads; neither they nor their pixels meet a disc.

    Args:
        workers: The threads.
        config: What a request may cost.
    """

    def __init__(self, workers: Workers, config: ServeConfig) -> None:
        # Beyond this, Starlette writes uploads to a file in /tmp.
        MultiPartParser.spool_max_size = config.max_upload_bytes
        self._workers = workers
        self._held = 0

    async def read(self, file: UploadFile, *, frame: int = 0) -> Upload:
        """Return a picture in an upload.

        Raises:
            InputError: When it is none, too large, or has no such frame.
            Busy: When too many others are at work.
        """
        content = await file.read()
        upload = await self._workers.run(decode, content, frame=frame)
        image = upload.image
        size = image.pixels.nbytes
        if self._held and self._held + size > MOST_HELD:
            raise Busy("memory")
        self._held += size
        weakref.finalize(image, self._give_back, size)
        return upload

    def _give_back(self, size: int) -> None:
        self._held -= size


def decode(content: bytes, *, frame: int = 0) -> Upload:
    """Return a picture in the bytes of a file.

    Raises:
        InputError: When it is none, too large, or has no such frame.
    """
    with memory_file(content) as path:
        try:
            image = read_image(path, frame=frame)
            return Upload(image=image, frame=frame, frames=_frames(path, image))
        except InputError as error:
            said = str(error).replace(str(path), "the file")
            raise InputError(said, hint=error.hint) from None


def _frames(path: Path, image: Image) -> int:
    if image.facts.get("format") == "DICOM":  # its header was read already
        return int(image.facts.get("frames", 1))
    return count_frames(path)


@contextmanager
def memory_file(content: bytes) -> Iterator[Path]:
    """Yield a path at which ``content`` can be read, in memory alone where the system can.

    Such a file has no name and is gone with the process, however that ends.
    """
    if not hasattr(os, "memfd_create"):
        with memory_folder() as folder:
            path = folder / UPLOAD
            path.write_bytes(content)
            yield path
        return
    with os.fdopen(os.memfd_create(UPLOAD), "wb") as file:
        file.write(content)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Yield a folder that is gone afterwards.

    It is in memory where the system has such folders: a patient's image should meet no disc.
    """
    shared = Path("/dev/shm")
    place = str(shared) if shared.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="medx-", dir=place) as temporary:
        yield Path(temporary)
