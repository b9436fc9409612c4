"""Whatever goes wrong, in the same words as on the command line."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from medx.core.errors import (
    DataUnavailableError,
    EngineError,
    MedxError,
    MissingExtraError,
    UnknownNameError,
    WeightsUnavailableError,
)
from medx.core.values import Value
from medx.server.batching import Busy

#: Seconds after which a client that found the server busy may try again.
RETRY_AFTER = 1

#: The first match decides; any other error of the user's is a 422.
_STATUS: tuple[tuple[type[MedxError], int], ...] = (
    (UnknownNameError, 404),
    (MissingExtraError, 501),
    (DataUnavailableError, 409),
    (WeightsUnavailableError, 409),
    (EngineError, 502),
)


class Problem(Value):
    """Why there is no answer, and what to do next."""

    error: str
    hint: str | None = None
    request_id: str


class NotReady(Exception):
    """The models are still loading."""


def problem(
    request: Request, status: int, error: str, *, hint: str | None = None, retry: bool = False
) -> JSONResponse:
    """Return a problem as a response."""
    body = Problem(error=error, hint=hint, request_id=request.scope.get("request_id", ""))
    headers = {"Retry-After": str(RETRY_AFTER)} if retry else None
    return JSONResponse(body.model_dump(), status, headers)


def register_problems(app: FastAPI) -> None:
    """Answer every error that a request can meet with a ``Problem``."""

    @app.exception_handler(MedxError)
    async def _medx(request: Request, error: MedxError) -> JSONResponse:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
        return problem(request, status, str(error), hint=error.hint)

    @app.exception_handler(Busy)
    async def _busy(request: Request, error: Busy) -> JSONResponse:
        return problem(
            request, 429, f"too many requests wait for {error}", hint="try again", retry=True
        )

    @app.exception_handler(asyncio.TimeoutError)  # another class than TimeoutError on 3.10
    @app.exception_handler(TimeoutError)
    async def _late(request: Request, _: TimeoutError) -> JSONResponse:
        return problem(request, 503, "it took too long", hint="try again", retry=True)

    @app.exception_handler(NotReady)
    async def _loading(request: Request, _: NotReady) -> JSONResponse:
        return problem(request, 503, "the models are still loading", hint="see /ready", retry=True)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(request, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = jsonable_encoder(error.errors(), custom_encoder={bytes: lambda b: "bytes"})[0]
        where = ".".join(str(part) for part in first["loc"])
        return problem(request, 422, f"{where}: {first['msg']}", hint="see /openapi.json")
