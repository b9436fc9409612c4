"""Whatever goes wrong, in the same words as on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
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
from medx.server.batching import Busy, Stopping

#: Seconds after which a client that found the server busy may try again.
RETRY_AFTER = "1"

STOPPING = "the server is stopping, and what you asked was given up"

#: The first match decides; any other error of the user's is a 422.
_STATUS: tuple[tuple[type[MedxError], int], ...] = (
    (MissingExtraError, 501),
    (DataUnavailableError, 409),
    (WeightsUnavailableError, 409),
    (EngineError, 502),
)

_LONGEST = 500


class Problem(Value):
    """Why there is no answer, and what to do next."""

    error: str = Field(examples=["cannot read the file as an image: it is empty"])
    hint: str | None = Field(default=None, examples=["the file may be truncated"])
    request_id: str = Field(description="Find it in the server's log.", examples=["4f0c1d2e"])


class NotReady(Exception):
    """The models are still loading, or could not be loaded."""


class Refused(Exception):
    """A request that is not answered, whatever it asks for."""

    def __init__(
        self,
        status: int,
        error: str,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.hint, self.headers = status, error, hint, headers


def problem(
    request_id: str,
    status: int,
    error: str,
    *,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem as a response."""
    body = Problem(error=_sayable(error), hint=hint and _sayable(hint), request_id=request_id)
    added = {"Retry-After": RETRY_AFTER} if status in (429, 503) else {}
    return JSONResponse(body.model_dump(), status, {**added, **(headers or {})})


def register_problems(app: FastAPI) -> None:
    """Answer every error that a request can meet with a ``Problem``."""

    @app.exception_handler(MedxError)
    async def _medx(request: Request, error: MedxError) -> JSONResponse:
        if isinstance(error, UnknownNameError):  # in the address, or one of several parameters
            status = 404 if request.path_params else 422
        else:
            status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
        return problem(_id_of(request), status, str(error), hint=error.hint)

    @app.exception_handler(Busy)
    async def _busy(request: Request, error: Busy) -> JSONResponse:
        return problem(_id_of(request), 429, busy_words(error), hint="try again")

    @app.exception_handler(Stopping)
    async def _ending(request: Request, _: Stopping) -> JSONResponse:
        return problem(_id_of(request), 503, STOPPING, hint="try again")

    @app.exception_handler(asyncio.TimeoutError)  # another class than TimeoutError on 3.10
    @app.exception_handler(TimeoutError)
    async def _late(request: Request, _: TimeoutError) -> JSONResponse:
        return problem(_id_of(request), 503, "it took too long", hint="try again")

    @app.exception_handler(NotReady)
    async def _loading(request: Request, error: NotReady) -> JSONResponse:
        return problem(_id_of(request), 503, str(error), hint="see /ready")

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(_id_of(request), error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        words = f"{where}: {first['msg']}"
        return problem(_id_of(request), 422, words, hint="see /openapi.json")


def busy_words(error: Busy) -> str:
    """Say what too many wait for."""
    return f"too many requests wait for {error}"


def _id_of(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def _sayable(words: str) -> str:
    """Return words short, and without what UTF-8 cannot write: half a pair of surrogates."""
    return words[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
