"""The warm models of a server, each behind a queue of its own."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image as PILImage

from medx.case.cases import Case
from medx.case.study import Study
from medx.case.workbench import Workbench
from medx.core.errors import DataUnavailableError, MedxError, UnknownNameError
from medx.core.images import Image, Pixels
from medx.core.pictures import encode
from medx.core.values import Prediction
from medx.datasets.manifest import Dataset
from medx.server.batching import MicroBatcher
from medx.server.choices import choose_samples, list_values
from medx.server.config import ServeConfig
from medx.server.monitoring import Monitor
from medx.server.uploads import UPLOAD
from medx.server.workers import Workers
from reportgen.strategies.load import load_strategy
from retrieval.config import SearchConfig
from retrieval.search.parts import read_query
from retrieval.search.pictures import read_images
from retrieval.search.query import Query
from retrieval.search.results import SearchResult
from retrieval.search.search import search_read

#: Cases take seconds to minutes: more than these wait in vain.
CASES_WAITING = 8

_log = logging.getLogger("medx.server")


@dataclass(frozen=True, eq=False)
class _Asked:
    query: Query
    config: SearchConfig


@dataclass(frozen=True, eq=False)
class _CaseAsked:
    pixels: Pixels
    strategy: str | None
    told: Callable[[str], None]


class Models:
    """Predicts and searches in batches; heat-maps and reports one at a time.

    What the page offers of the archive, ``samples`` and ``values``, is looked up once.

    Args:
        bench: Everything loaded.
        config: Sizes and limits.
        monitor: Told how large batches were.
        workers: Threads that read archived images.
    """

    def __init__(
        self, bench: Workbench, config: ServeConfig, monitor: Monitor, workers: Workers
    ) -> None:
        self.bench, self.config, self._monitor = bench, config, monitor
        self._workers = workers
        index = bench.gallery.index
        self.samples, self.values = choose_samples(index), list_values(index.items)
        self._opened: dict[str, Dataset] = {}
        # Drawing a heat-map hooks into the network: each thread that does has one of its own.
        self._explainer, self._reader = (
            replace(bench, classifier=copy.deepcopy(bench.classifier)) for _ in range(2)
        )
        size, limit = config.batch_size, config.queue_limit
        self._classify = MicroBatcher(
            "classifier", self._predict_batch, batch_size=size, queue_limit=limit
        )
        self._search = MicroBatcher(
            "search", self._search_batch, batch_size=size, queue_limit=limit
        )
        self._explain = MicroBatcher(
            "heat-map", self._explain_batch, batch_size=size, queue_limit=limit
        )
        self._study = MicroBatcher(
            "report", self._study_one, batch_size=1, queue_limit=CASES_WAITING
        )

    @property
    def queues(self) -> tuple[MicroBatcher[Any, Any], ...]:
        """The queues, to be started and stopped with the server."""
        return (self._classify, self._search, self._explain, self._study)

    async def predict(self, image: Image) -> Prediction:
        """Return what the classifier says of one image."""
        answer = self._classify.submit(image.pixels)
        return await asyncio.wait_for(answer, self.config.timeout_s)

    async def explain(self, image: Image) -> tuple[Case, str | None]:
        """Return one image with its heat-map, or why there is none."""
        answer = self._explain.submit(image.pixels)
        return await asyncio.wait_for(answer, self.config.timeout_s)

    async def search(self, query: Query, config: SearchConfig) -> SearchResult:
        """Return the images that fit a query best."""
        answer = self._search.submit(_Asked(query, config))
        return await asyncio.wait_for(answer, self.config.timeout_s)

    def check_room(self) -> None:
        """Raise ``Busy`` when a case would wait in vain."""
        self._study.check_room()

    async def study(
        self, image: Image, *, strategy: str | None, told: Callable[[str], None]
    ) -> Study:
        """Take one image through everything.

        Args:
            image: What was uploaded.
            strategy: Name of a strategy; None takes the server's.
            told: Hears, on another thread, of each step that begins.
        """
        answer = self._study.submit(_CaseAsked(image.pixels, strategy, told))
        return await asyncio.wait_for(answer, self.config.report_timeout_s)

    async def picture(self, item_id: str, longest: int) -> bytes:
        """Return an indexed image as PNG, no side longer than ``longest`` pixels.

        Raises:
            UnknownNameError: When the index holds no such image.
            DataUnavailableError: When its file is gone, or another one.
        """
        return await self._workers.run(self._picture, item_id, longest)

    def _picture(self, item_id: str, longest: int) -> bytes:
        if item_id not in self.bench.gallery.index.items:  # near ids are costly to find
            raise UnknownNameError("id", item_id, [])
        try:
            (pixels,) = read_images(
                self.bench.gallery.index,
                [item_id],
                data_dir=self.bench.data_dir,
                opened=self._opened,
            )
        except MedxError as error:
            _log.warning("%s", error)
            raise DataUnavailableError(
                "this image is no longer where it was when it was indexed",
                hint="the server's log says more",
            ) from None
        image = PILImage.fromarray(pixels)
        image.thumbnail((longest, longest))
        return encode(image, compress_level=1)

    def _predict_batch(self, pixels: Sequence[Pixels]) -> Sequence[Prediction]:
        self._monitor.batch.labels("classifier").observe(len(pixels))
        return self.bench.classifier.predict([UPLOAD] * len(pixels), pixels)

    def _explain_batch(self, pixels: Sequence[Pixels]) -> Sequence[tuple[Case, str | None]]:
        self._monitor.batch.labels("heat-map").observe(len(pixels))
        cases, reason = self._explainer.explain(pixels)
        return [(case, reason) for case in cases]

    def _search_batch(self, asked: Sequence[_Asked]) -> Sequence[SearchResult]:
        """Answer together what was asked with the same settings."""
        self._monitor.batch.labels("search").observe(len(asked))
        gallery = self.bench.gallery
        answers: dict[int, SearchResult] = {}
        for config in dict.fromkeys(one.config for one in asked):
            at = [i for i, one in enumerate(asked) if one.config == config]
            read = [read_query(gallery.index, asked[i].query, config) for i in at]
            found = search_read(gallery.index, lambda: gallery.encoder, read, config)
            answers.update(zip(at, (answer.result for answer in found), strict=True))
        return [answers[i] for i in range(len(asked))]

    def _study_one(self, asked: Sequence[_CaseAsked]) -> Sequence[Study]:
        (one,) = asked
        bench = self._reader
        if one.strategy is not None:
            bench = replace(bench, strategy=load_strategy(one.strategy))
        return [bench.study(one.pixels, name=UPLOAD, told=one.told)]
