"""The page and the files it consists of."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from medx.core.pages import render_page
from medx.core.settings import DISCLAIMER
from medx.server.routes.common import server_of

router = APIRouter(include_in_schema=False)

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

#: Shared with the pages that commands write.
_SHARED = ("style.css", "case.css", "case.js")


class PageFile(NamedTuple):
    """A file of the page, and what tells its versions apart."""

    content: bytes
    media_type: str
    etag: str


@router.get("/", response_class=HTMLResponse)
async def page(request: Request) -> HTMLResponse:
    """Return the page."""
    most = server_of(request).config.max_upload_bytes
    values = {"disclaimer": DISCLAIMER, "version": version("medx"), "max_upload": most}
    return HTMLResponse(render_page("serve.html.j2", **values))


@router.get("/static/{name}")
async def page_file(request: Request, name: str) -> Response:
    """Return a file of the page; the name is looked up, never opened."""
    found = page_files().get(name)
    if found is None:
        raise HTTPException(404, "no such file")
    headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


@cache
def page_files() -> dict[str, PageFile]:
    """Return everything below ``/static/`` by name."""
    medx = resources.files("medx")
    own = [file for file in (medx / "server" / "page").iterdir()]
    shared = [medx / "pages" / name for name in _SHARED]
    found = {}
    for file in own + shared:
        content = file.read_bytes()
        kind = _TYPES[file.name[file.name.rindex(".") :]]
        found[file.name] = PageFile(content, kind, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
    return found
