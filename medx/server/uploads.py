"""A picture that a client sent: read by what it holds, never by what it is called."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import UploadFile

from medx.core.errors import InputError
from medx.core.images import Image, read_image

#: What an uploaded image is called everywhere; the client's name may name its patient.
UPLOAD = "upload"

#: Files decoded at a time: each may take half a GiB.
DECODERS = 2


class Uploads:
    """Decodes uploads on threads, a few at a time, from files that do not outlive the request."""

    def __init__(self) -> None:
        self._decoders = asyncio.Semaphore(DECODERS)

    async def read(self, file: UploadFile, *, frame: int = 0) -> Image:
        """Return the picture in an upload.

        Raises:
            InputError: When it is none, too large, or has no such frame.
        """
        content = await file.read()
        async with self._decoders:
            return await asyncio.to_thread(self._decode, content, frame)

    def _decode(self, content: bytes, frame: int) -> Image:
        with memory_folder() as folder:
            path = folder / UPLOAD
            path.write_bytes(content)
            try:
                return read_image(path, frame=frame)
            except InputError as error:
                said = str(error).replace(str(path), "the file")
                raise InputError(said, hint=error.hint) from None


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Yield a folder that is gone afterwards.

    It is in memory where the system has such folders: a patient's image should meet no disc.
    """
    shared = Path("/dev/shm")
    place = str(shared) if shared.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="medx-", dir=place) as temporary:
        yield Path(temporary)
