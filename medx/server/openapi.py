"""The OpenAPI document of a server."""

from __future__ import annotations

from threading import Event, Lock
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from medx.core.settings import DISCLAIMER
from medx.server.guard import OPEN_PATHS
from medx.server.problems import Problem
from medx.server.routes.operations import Readiness
from medx.server.routes.studying import Progress

DESCRIPTION = f"""{DISCLAIMER}

Images are sent as `multipart/form-data` in a field `file`; what a file holds decides what it is,
not its name. Files with several frames give the one that `frame` names. No upload is stored.

Every problem is answered as JSON with `error`, `hint` and `request_id`. With 429 and 503 comes
`Retry-After`. Every answer carries `X-Request-ID`: the request's own, or a new one.
"""

TAGS: list[dict[str, Any]] = [
    {"name": "operations", "description": "Is it there, is it ready, what has it loaded."},
    {"name": "classify", "description": "What the classifier says of an image, and why."},
    {"name": "retrieve", "description": "The archive, asked by words or by an image."},
    {"name": "report", "description": "Drafted reports."},
    {"name": "case", "description": "An image taken through everything."},
]


#: What answers refer to that is no route's own model.
MODELS: tuple[type[BaseModel], ...] = (Problem, Progress, Readiness)


def describe(app: FastAPI, *, needs_token: bool) -> None:
    """Let the application's document say how requests prove who they are."""
    plain, lock, done = app.openapi, Lock(), Event()

    def document() -> dict[str, Any]:
        with lock:
            made = plain()
            if not done.is_set():
                _complete(made, needs_token=needs_token)
                done.set()
        return made

    app.openapi = document  # type: ignore[method-assign]


def _complete(made: dict[str, Any], *, needs_token: bool) -> None:
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    made["components"]["schemas"] |= _schemas()
    if needs_token:
        made["security"] = [{"token": []}]
    for path in OPEN_PATHS & made["paths"].keys():
        made["paths"][path]["get"]["security"] = []
        del made["paths"][path]["get"]["responses"]["401"]


def _schemas() -> dict[str, Any]:
    wanted = [(model, "serialization") for model in MODELS]
    template = "#/components/schemas/{model}"
    _, defined = models_json_schema(wanted, ref_template=template)  # type: ignore[arg-type]
    found: dict[str, Any] = defined["$defs"]
    return found
