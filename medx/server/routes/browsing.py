"""What there is to choose from: images to try, and values to filter by."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from medx.core.errors import UnknownNameError
from medx.core.values import Value
from medx.server.choices import SAMPLES
from medx.server.routes.common import PNG, PROBLEMS, described, server_of

router = APIRouter(tags=["retrieve"], responses=PROBLEMS)

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
    models = server_of(request).models
    return Samples(
        synthetic=models.bench.gallery.index.description.synthetic,
        addresses=[f"/samples/{n}/image" for n in range(1, len(models.samples) + 1)],
    )


@router.get("/samples/{number}/image", response_class=Response, responses=_GONE | {200: PNG})
async def sample_image(
    request: Request, number: Annotated[int, Path(ge=1, le=SAMPLES)]
) -> Response:
    """Return a sample as PNG."""
    models = server_of(request).models
    if number > len(models.samples):
        raise UnknownNameError("sample", str(number), [])
    content = await models.picture(models.samples[number - 1], LARGEST_SAMPLE)
    return Response(content, media_type="image/png")


@router.get("/search/values")
async def search_values(request: Request) -> ColumnValues:
    """List what the archive's columns hold, where that is few values."""
    return ColumnValues(values=server_of(request).models.values)
