"""Is it there, is it ready, what has it loaded, how is it doing."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field

from classify.card.write import read_card
from classify.results import EvaluationResult
from medx.case.workbench import Workbench
from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value
from medx.server.examples import HEALTH, LOADING, METADATA, READY, shown
from medx.server.problems import RETRY_AFTER, NotReady
from medx.server.routes.common import PROBLEMS, server_of
from reportgen.strategies import STRATEGIES

router = APIRouter(tags=["operations"])


class Health(Value):
    """That the process answers."""

    status: str = "ok"


class Measured(Value):
    """What the classifier reached on one split, and what chance reaches."""

    dataset: str
    synthetic: bool
    split: str
    n: int
    metrics: dict[str, Interval | None]
    chance: dict[str, float]


class Readiness(Value):
    """Whether the models are loaded."""

    ready: bool
    reason: str = ""


class Metadata(Value):
    """What is loaded."""

    schema_version: int = 1
    version: str
    dataset: str
    modality: str
    synthetic: bool
    classes: list[str]
    classifier: str
    operating_point: float | None = Field(
        description="Threshold on the last class, chosen on val; None when multi-class."
    )
    evaluations: list[Measured] = Field(description="Of this classifier; oldest first.")
    index: str
    images: int
    encoder: str
    columns: list[str] = Field(description="What a search's condition can name.")
    splits: list[str]
    engine: str
    engine_reason: str
    is_mock: bool
    strategies: list[str]
    disclaimer: str = DISCLAIMER


@router.get("/health", responses={200: shown(HEALTH)})
async def health() -> Health:
    """Say that the process answers; never waits for a model."""
    return Health()


@router.get(
    "/ready",
    responses={
        200: shown(READY, "The models are loaded."),
        503: shown(LOADING, "They are not.", model=Readiness),
    },
)
async def ready(request: Request, response: Response) -> Readiness:
    """Say whether the models are loaded, and why not."""
    try:
        _ = server_of(request).models
    except NotReady as error:
        response.status_code = 503
        response.headers["Retry-After"] = RETRY_AFTER
        return Readiness(ready=False, reason=str(error))
    return Readiness(ready=True)


@router.get("/metadata", responses={200: shown(METADATA), 503: PROBLEMS[503]})
async def metadata(request: Request) -> Metadata:
    """Say which classifier, index and engine answer, and what was measured of them."""
    server = server_of(request)
    return await server.workers.run(_metadata, server.models.bench)


def _metadata(bench: Workbench) -> Metadata:
    described, index = bench.classifier.description, bench.gallery.index
    return Metadata(
        version=version("medx"),
        dataset=bench.dataset.name,
        modality=bench.dataset.modality,
        synthetic=bench.dataset.synthetic or index.description.synthetic,
        classes=list(bench.classifier.classes),
        classifier=bench.classifier.name,
        operating_point=described.operating_point,
        evaluations=[_measured(result) for result in read_card(bench.train_dir).evaluations],
        index=index.name,
        images=len(index),
        encoder=str(index.description.encoder),
        columns=list(index.items.columns),
        splits=sorted(index.description.splits),
        engine=bench.chosen.engine.name,
        engine_reason=bench.chosen.reason,
        is_mock=bench.chosen.engine.is_mock,
        strategies=list(STRATEGIES),
    )


def _measured(result: EvaluationResult) -> Measured:
    return Measured(
        dataset=result.dataset,
        synthetic=result.synthetic,
        split=result.split,
        n=result.n,
        metrics=result.metrics,
        chance=result.chance,
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return counters in Prometheus' text form."""
    return server_of(request).monitor.render()
