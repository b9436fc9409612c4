"""Files that hold several images: how many, and how each looks."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request
from PIL import Image as PILImage
from pydantic import Field

from medx.core.images import Pixels
from medx.core.pictures import encode
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.server.examples import FRAMES, shown
from medx.server.routes.common import UPLOADING, Uploaded, server_of

router = APIRouter(tags=["case"], responses=UPLOADING)

#: Longest side of a preview in pixels.
PREVIEW = 512


class Frames(Value):
    """How many images a file holds, and one of them to look at."""

    schema_version: int = 1
    frames: int = Field(description="How many images the file holds.")
    frame: int = Field(description="Which one this is, from 0.")
    native_size: list[int] = Field(
        min_length=2, max_length=2, description="Height and width of the file in pixels."
    )
    preview_png: str = Field(description=f"Base64 of it as PNG, at most {PREVIEW} pixels.")
    disclaimer: str = DISCLAIMER


@router.post("/frames", responses={200: shown(FRAMES)})
async def frames(request: Request, upload: Uploaded) -> Frames:
    """Say how many images a file holds, and show one; no model is asked."""
    return Frames(
        frames=upload.frames,
        frame=upload.frame,
        native_size=list(upload.image.native_size),
        preview_png=await server_of(request).workers.run(_preview, upload.image.pixels),
    )


def _preview(pixels: Pixels) -> str:
    image = PILImage.fromarray(pixels)
    image.thumbnail((PREVIEW, PREVIEW))
    return base64.b64encode(encode(image, compress_level=1)).decode("ascii")
