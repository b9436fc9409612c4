"""What there is to choose from: images to try, and values to filter by."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from medx.core.errors import UnknownNameError
from medx.core.values import Value
from medx.server.routes.common import PNG, PROBLEMS, described, server_of
from medx.server.samples import SAMPLES, choose_samples
from retrieval.index.items import Items

router = APIRouter(tags=["retrieve"], responses=PROBLEMS)

#: Columns that are worth a list to choose from, and the longest such list.
LISTED, MOST_VALUES = ("label", "split", "source", "dataset"), 100

#: Longest side of a sample; larger images are made smaller.
LARGEST_SAMPLE = 4096

_GONE = described(
    {
        404: ("There are fewer samples.", "unknown sample '6'", None),
        409: (
            "Its file is gone.",
            "this image is no longer where it was when it was indexed",
            None,
        ),
    }
)


class Samples(Value):
    """Archived images to try, by number: their names may tell what they show."""

    synthetic: bool
    addresses: list[str]


class ColumnValues(Value):
    """What a condition can ask for in columns that hold few different values."""

    values: dict[str, list[str]] = Field(examples=[{"label": ["normal", "pneumonia"]}])


@router.get("/samples")
async def samples(request: Request) -> Samples:
    """List a few images of the archive's train split, without their labels."""
    index = server_of(request).models.bench.gallery.index
    found = await server_of(request).workers.run(choose_samples, index.items)
    return Samples(
        synthetic=index.description.synthetic,
        addresses=[f"/samples/{number}/image" for number in range(1, len(found) + 1)],
    )


@router.get("/samples/{number}/image", response_class=Response, responses=_GONE | {200: PNG})
async def sample_image(
    request: Request, number: Annotated[int, Path(ge=1, le=SAMPLES)]
) -> Response:
    """Return a sample as PNG."""
    server = server_of(request)
    models = server.models
    found = await server.workers.run(choose_samples, models.bench.gallery.index.items)
    if number > len(found):
        raise UnknownNameError("sample", str(number), [])
    content = await models.picture(found[number - 1], LARGEST_SAMPLE)
    return Response(content, media_type="image/png")


@router.get("/search/values")
async def search_values(request: Request) -> ColumnValues:
    """List what the archive's columns hold, where that is few values."""
    server = server_of(request)
    items = server.models.bench.gallery.index.items
    return ColumnValues(values=await server.workers.run(_values, items))


def _values(items: Items) -> dict[str, list[str]]:
    found = {}
    for name in LISTED:
        held = items.table.column(name).unique().drop_null().to_pylist()
        if 1 < len(held) <= MOST_VALUES:
            found[name] = sorted(held)
    return found
