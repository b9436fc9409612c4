"""What the classifier says of an uploaded image."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Prediction, Value
from medx.server.examples import PREDICTED, shown
from medx.server.routes.common import UPLOADING, Uploaded, server_of

router = APIRouter(tags=["classify"], responses=UPLOADING)


class ClassProbability(Value):
    """One class."""

    label: str
    probability: float = Field(description="Calibrated.")


class Predicted(Value):
    """What the classifier says of one image."""

    schema_version: int = 1
    top: list[ClassProbability]
    prediction: Prediction
    native_size: tuple[int, int] = Field(description="Height and width of the file in pixels.")
    frame: int = Field(description="Which image of the file this is, from 0.")
    frames: int = Field(description="How many images the file holds.")
    disclaimer: str = DISCLAIMER


@router.post("/predict", responses={200: shown(PREDICTED)})
async def predict(
    request: Request,
    upload: Uploaded,
    top_k: Annotated[int, Form(ge=1, le=1000, description="Most probable classes.")] = 5,
) -> Predicted:
    """Classify an image: calibrated probabilities, decision, conformal set, out-of-distribution."""
    prediction = await server_of(request).models.predict(upload.image)
    return Predicted(
        top=[ClassProbability(label=name, probability=p) for name, p in prediction.top(top_k)],
        prediction=prediction,
        native_size=upload.image.native_size,
        frame=upload.frame,
        frames=upload.frames,
    )
