"""A picture that a client sent: read by what it holds, never by what it is called."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import UploadFile
from starlette.formparsers import MultiPartParser

from medx.core.errors import InputError
from medx.core.images import Image, read_image
from medx.server.batching import Busy
from medx.server.config import ServeConfig
from medx.server.workers import Workers

#: What an uploaded image is called everywhere; the client's name may name its patient.
UPLOAD = "upload"

#: Bytes that the pixels of all requests may take together.
MOST_HELD = 1 << 30


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

    async def read(self, file: UploadFile, *, frame: int = 0) -> Image:
        """Return the picture in an upload.

        Raises:
            InputError: When it is none, too large, or has no such frame.
            Busy: When too many others are at work.
        """
        content = await file.read()
        image = await self._workers.run(decode, content, frame=frame)
        size = image.pixels.nbytes
        if self._held and self._held + size > MOST_HELD:
            raise Busy("memory")
        self._held += size
        weakref.finalize(image, self._give_back, size)
        return image

    def _give_back(self, size: int) -> None:
        self._held -= size


def decode(content: bytes, *, frame: int = 0) -> Image:
    """Return the picture in the bytes of a file.

    Raises:
        InputError: When it is none, too large, or has no such frame.
    """
    with memory_file(content) as path:
        try:
            return read_image(path, frame=frame)
        except InputError as error:
            said = str(error).replace(str(path), "the file")
            raise InputError(said, hint=error.hint) from None


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
