"""What routes take, and the problems they share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import Depends, File, Form, Request, UploadFile

from medx.server.examples import problem_example, shown
from medx.server.monitoring import CLOSED
from medx.server.problems import Problem, Refused
from medx.server.uploads import Upload

if TYPE_CHECKING:
    from medx.server.app import Server

Result = TypeVar("Result")

#: Seconds between two looks whether a client is still there.
HANG_UP_SECONDS = 0.5

Responses = dict[int | str, dict[str, Any]]


def described(problems: dict[int, tuple[str, str, str | None]]) -> Responses:
    """Return problems by status, each with words, an error and a hint, for ``responses=``."""
    return {
        status: shown(problem_example(error, hint), words, model=Problem)
        for status, (words, error, hint) in problems.items()
    }


#: What any request can meet.
REFUSALS = described(
    {
        401: ("No token, or a wrong one.", "a token is needed", "send Authorization: Bearer TOKEN"),
        403: (
            "Sent by the page of another site.",
            "requests of other sites are not answered",
            None,
        ),
        421: ("Sent to another host.", "this server has another name", None),
        429: (
            "Too many requests; see Retry-After.",
            "too many requests wait for classifier",
            "try again",
        ),
    }
)

#: What routes that ask a model or the archive can meet.
PROBLEMS = described(
    {
        422: (
            "A parameter, or the image, cannot be used.",
            "cannot read the file as an image: it is empty",
            "the file may be truncated or of another type; open it in a viewer to check",
        ),
        503: (
            "The models are still loading, or it took too long; see Retry-After.",
            "the models are still loading",
            "see /ready",
        ),
    }
)

#: What routes that take a file can meet.
UPLOADING = PROBLEMS | described(
    {
        400: ("The body is no form.", "There was an error parsing the body", None),
        408: ("The body came too slowly.", "the body came too slowly", "send it again"),
        413: ("The body is too large.", "more than 64 MiB", "send a smaller file"),
    }
)

#: A picture.
PNG: dict[str, Any] = {
    "description": "A picture.",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
}


def server_of(request: Request) -> Server:
    """Return the server that a request came to."""
    server: Server = request.app.state.server
    return server


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what ``work`` returns; give it up when its client hangs up.

    Raises:
        Refused: When it did; nobody reads that answer.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=HANG_UP_SECONDS))[0]:
            if await request.is_disconnected():
                raise Refused(CLOSED, "the client hung up")
        return task.result()
    finally:
        task.cancel()


async def read_upload(
    request: Request,
    file: Annotated[UploadFile, File(description="PNG, JPEG, TIFF, BMP, NPY, NPZ or DICOM.")],
    frame: Annotated[
        int, Form(ge=0, le=1_000_000, description="Which frame of several, from 0.")
    ] = 0,
) -> Upload:
    """Return the picture in an upload; the models are asked for first, decoding costs more."""
    server = server_of(request)
    _ = server.models
    return await server.uploads.read(file, frame=frame)


Uploaded = Annotated[Upload, Depends(read_upload)]
