"""The archive, asked by words or by an image, and its pictures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import Field

from medx.core.values import Value
from medx.server.examples import SEARCHED, shown
from medx.server.routes.common import PNG, PROBLEMS, UPLOADING, Uploaded, described, server_of
from medx.server.uploads import UPLOAD
from retrieval.config import SearchConfig
from retrieval.search.query import picture, words
from retrieval.search.results import SearchResult

router = APIRouter(tags=["retrieve"])

#: Most hits of one search.
MOST_HITS = 200

TopK = Annotated[int, Form(ge=1, le=MOST_HITS, description="How many hits.")]
Split = Annotated[str, Form(max_length=100, description="Only images of this split, or all.")]
Where = Annotated[
    str | None,
    Form(max_length=1000, description="Only images of which this condition on columns holds."),
]


class TextQuery(Value):
    """Words to look for."""

    text: str = Field(min_length=1, max_length=1000, examples=["consolidation"])
    top_k: int = Field(default=10, ge=1, le=MOST_HITS)
    split: str = Field(default="all", max_length=100)
    where: str | None = Field(
        default=None, max_length=1000, examples=["label = 'pneumonia'"],
        description="Only images of which this condition on columns holds.",
    )  # fmt: skip


@router.post("/search/text", responses=UPLOADING | {200: shown(SEARCHED)})
async def search_text(request: Request, query: TextQuery) -> SearchResult:
    """Return the images whose embeddings lie nearest to that of a text."""
    config = SearchConfig(top_k=query.top_k, split=query.split, where=query.where)
    return await server_of(request).models.search(words(query.text), config)


@router.post("/search/image", responses=UPLOADING | {200: shown(SEARCHED)})
async def search_image(
    request: Request, upload: Uploaded, top_k: TopK = 10, split: Split = "all", where: Where = None
) -> SearchResult:
    """Return the images most similar to an uploaded one."""
    config = SearchConfig(top_k=top_k, split=split, where=where)
    return await server_of(request).models.search(picture(upload.image.pixels, UPLOAD), config)


@router.get(
    "/items/{item_id:path}/image",
    response_class=Response,
    responses=PROBLEMS
    | {200: PNG}
    | described(
        {
            404: ("No such image.", "unknown id 'train-0042'", None),
            409: (
                "Its file is gone, or another one by now.",
                "this image is no longer where it was when it was indexed",
                "the server's log says more",
            ),
        }
    ),
)
async def item_image(
    request: Request,
    item_id: str,
    size: Annotated[int, Query(ge=16, le=4096, description="Longest side in pixels.")] = 512,
) -> Response:
    """Return an indexed image as PNG; only what the index holds can be asked for."""
    content = await server_of(request).models.picture(item_id, size)
    return Response(content, media_type="image/png", headers={"Cache-Control": "private"})
