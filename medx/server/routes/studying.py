"""Heat-maps, reports and whole cases of an uploaded image."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from medx.case.evidence import heatmap_fact
from medx.case.pictures import LARGEST, map_layer, png
from medx.case.results import CaseResult
from medx.case.study import Study
from medx.core.errors import MedxError
from medx.core.settings import DISCLAIMER
from medx.core.values import HeatMap, Prediction, Value
from medx.server.batching import Busy, Stopping
from medx.server.examples import EXPLAINED, STEP, shown
from medx.server.kept import Kept
from medx.server.problems import STOPPING, busy_words
from medx.server.routes.common import UPLOADING, Uploaded, server_of, unless_gone
from medx.server.uploads import Upload
from reportgen.evidence import HeatMapFact
from reportgen.strategies.load import load_strategy

if TYPE_CHECKING:
    from medx.server.app import Server

router = APIRouter(responses=UPLOADING)


class Explained(Value):
    """Where the classifier found evidence for what it says."""

    schema_version: int = 1
    prediction: Prediction
    heatmap: HeatMapFact | None
    note: str | None = Field(description="Why there is none.")
    layer_png: str | None = Field(
        description="Base64 of a PNG to lay on the image, clear where there is no evidence."
    )
    frame: int = Field(description="Which image of the file this is, from 0.")
    frames: int = Field(description="How many images the file holds.")
    disclaimer: str = DISCLAIMER


class CaseAnswer(Value):
    """A case, and by which id its exports can be asked for within a quarter of an hour."""

    schema_version: int = 1
    case_id: str
    case: CaseResult
    image_png: str = Field(description="Base64 of the image as PNG, at most 2048 pixels.")
    layer_png: str | None = Field(description="Base64 of the heat-map's layer.")
    frame: int = Field(description="Which image of the file this is, from 0.")
    frames: int = Field(description="How many images the file holds.")


class Progress(Value):
    """A line of the stream of ``/report``: a step that begins, the answer, or a problem."""

    step: str | None = None
    answer: CaseAnswer | None = None
    error: str | None = None
    hint: str | None = None


#: A name only: no path that a client sends is ever opened.
Strategy = Annotated[
    str | None,
    Form(max_length=64, pattern=r"^[a-z][a-z0-9_-]*$", description="Name of a strategy."),
]

_LINES = shown(STEP, "One object a line.", model=Progress, media_type="application/x-ndjson")


@router.post("/explain", tags=["classify"], responses={200: shown(EXPLAINED)})
async def explain(request: Request, upload: Uploaded) -> Explained:
    """Classify an image and show where the evidence for the predicted class lies."""
    server = server_of(request)
    case, note = await server.models.explain(upload.image)
    fact = heatmap_fact(case.heatmap)
    layer = None
    if case.heatmap is not None and fact is not None:
        layer = await server.workers.run(_layer, case.heatmap, case.native_size)
    return Explained(
        prediction=case.prediction,
        heatmap=fact,
        note=note,
        layer_png=layer,
        frame=upload.frame,
        frames=upload.frames,
    )


@router.post("/case", tags=["case"])
async def case(request: Request, upload: Uploaded, strategy: Strategy = None) -> CaseAnswer:
    """Take an image through classifier, heat-map, archive and report."""
    _check_strategy(strategy)
    server = server_of(request)
    work = server.models.study(upload.image, strategy=strategy, told=lambda _: None)
    study = await unless_gone(request, work)
    return await _keep(server, study, upload)


@router.post("/report", tags=["report"], response_class=StreamingResponse, responses={200: _LINES})
async def report(
    request: Request, upload: Uploaded, strategy: Strategy = None
) -> StreamingResponse:
    """Write a report; each line of the answer is a JSON object: steps, then the case."""
    _check_strategy(strategy)
    server_of(request).models.check_room()  # the stream's status cannot say it any more
    lines = _progress(request, upload, strategy)
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _progress(request: Request, upload: Upload, strategy: str | None) -> AsyncIterator[str]:
    server, loop = server_of(request), asyncio.get_running_loop()
    steps: asyncio.Queue[str | None] = asyncio.Queue()

    def told(step: str | None) -> None:
        loop.call_soon_threadsafe(steps.put_nowait, step)

    task = asyncio.create_task(server.models.study(upload.image, strategy=strategy, told=told))
    task.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while (step := await steps.get()) is not None:
            yield _line(Progress(step=step))
        study = await task
        yield _line(Progress(answer=await _keep(server, study, upload)))
    except MedxError as error:
        yield _line(Progress(error=str(error), hint=error.hint))
    except Busy as error:
        yield _line(Progress(error=busy_words(error), hint="try again"))
    except Stopping:
        yield _line(Progress(error=STOPPING, hint="try again"))
    except (TimeoutError, asyncio.TimeoutError):
        yield _line(Progress(error="it took too long", hint="try again"))
    finally:
        task.cancel()


def _line(progress: Progress) -> str:
    return progress.model_dump_json(exclude_none=True) + "\n"


async def _keep(server: Server, study: Study, upload: Upload) -> CaseAnswer:
    kept = Kept(study=study, frame=upload.frame, frames=upload.frames)
    return await server.workers.run(_answer, server.kept.keep(kept), kept)


def _answer(case_id: str, kept: Kept) -> CaseAnswer:
    study = kept.study
    layer = None
    if study.heatmap is not None and study.result.heatmap is not None:
        layer = _layer(study.heatmap, study.pixels.shape[:2])
    picture = base64.b64encode(png(study.pixels, largest=LARGEST)).decode("ascii")
    return CaseAnswer(
        case_id=case_id,
        case=study.result,
        image_png=picture,
        layer_png=layer,
        frame=kept.frame,
        frames=kept.frames,
    )


def _layer(heatmap: HeatMap, shape: tuple[int, int]) -> str:
    return base64.b64encode(png(map_layer(heatmap, shape))).decode("ascii")


def _check_strategy(name: str | None) -> None:
    if name is not None:
        load_strategy(name)
