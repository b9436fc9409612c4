"""What routes take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, File, Form, Request, UploadFile

from medx.core.images import Image
from medx.server.problems import Problem

if TYPE_CHECKING:
    from medx.server.app import Server

_PROBLEMS = {
    401: "A token is needed.",
    403: "A request of another site.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    422: "The image or a parameter cannot be used.",
    429: "Too many requests; see Retry-After.",
    503: "Still loading, or it took too long.",
}

#: For ``responses=`` of every route that asks a model.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words} for status, words in _PROBLEMS.items()
}


def server_of(request: Request) -> Server:
    """Return the server that a request came to."""
    server: Server = request.app.state.server
    return server


async def read_upload(
    request: Request,
    file: Annotated[UploadFile, File(description="PNG, JPEG, TIFF, BMP or DICOM.")],
    frame: Annotated[int, Form(ge=0, description="Which frame of several, from 0.")] = 0,
) -> Image:
    """Return the picture in an upload; the models are asked for first, decoding costs more."""
    server = server_of(request)
    _ = server.models
    return await server.uploads.read(file, frame=frame)


Uploaded = Annotated[Image, Depends(read_upload)]
