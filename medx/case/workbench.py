"""Classifier, archive and engine, opened once, for any number of images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from classify.predict import Classifier, load_classifier
from classify.runs import find_train_run
from medx.case.cases import Case
from medx.case.evidence import evidence_of, heatmap_fact, report_items
from medx.case.heatmaps import draw_heatmaps
from medx.case.input import named_image
from medx.case.neighbours import add_neighbours
from medx.case.predicting import ensure_classifier, predict_images
from medx.case.results import CaseResult, NoReport, Withheld
from medx.case.study import Study
from medx.case.warnings import warnings_of
from medx.core.console import note, warn
from medx.core.content_hash import content_hash
from medx.core.errors import MedxError
from medx.core.images import Image, Pixels
from medx.core.runs import now
from medx.datasets.catalog import default_dataset, load_dataset
from medx.datasets.manifest import Dataset, Record
from reportgen.agreement.refusal import refuse
from reportgen.answering import report_on
from reportgen.config import ReportConfig
from reportgen.engines.choose import ChosenEngine, choose_engine
from reportgen.item import pixels_sha256
from reportgen.report import Report
from reportgen.strategies.base import Strategy
from reportgen.strategies.load import load_strategy
from retrieval.gallery import Gallery, open_gallery
from retrieval.index.items import Item
from retrieval.index.related import copies_of
from retrieval.place import check_gallery
from retrieval.search.pictures import read_images


@dataclass(kw_only=True, eq=False)
class Workbench:
    """Everything that answers for an image; one image at a time.

    Args:
        dataset: What the classifier was trained on.
        train_dir: The classifier's run.
        classifier: The one of that run.
        gallery: Where similar cases are searched.
        chosen: What writes the report.
        strategy: What it is asked for.
        data_dir: Where ``.npz`` datasets are searched first.
    """

    dataset: Dataset
    train_dir: Path
    classifier: Classifier
    gallery: Gallery
    chosen: ChosenEngine
    strategy: Strategy
    data_dir: Path | None = None
    _datasets: dict[str, Dataset] = field(default_factory=dict)

    def explain(self, images: Sequence[Pixels]) -> tuple[list[Case], str | None]:
        """Return images with prediction and heat-map, and why there are no heat-maps.

        Args:
            images: ``uint8`` ``(H, W)`` or ``(H, W, 3)`` each.
        """
        named = [named_image(pixels) for pixels in images]
        cases = predict_images(self.classifier, self.dataset, named, from_file=True)
        return draw_heatmaps(self.classifier, cases)

    def study(
        self,
        image: Path | Pixels,
        *,
        name: str | None = None,
        told: Callable[[str], None] | None = None,
    ) -> Study:
        """Take one image through classifier, archive and engine.

        An image that none may report on, and a report that fails, leave the rest as it is.

        Args:
            image: A file of one image, or ``uint8`` pixels ``(H, W)`` or ``(H, W, 3)``.
            name: What to call it; None takes the file's name where that names no patient.
            told: Hears of each step that begins.

        Raises:
            InputError: When the file cannot be read, or holds several images.
        """
        clock = _Clock(told)
        with clock.timing("reading"):
            record, read = named_image(image, name)
        with clock.timing("prediction"):
            case, copies = self._predict(record, read)
        with clock.timing("heat-map"):
            (case,), no_map = draw_heatmaps(self.classifier, [case])
        with clock.timing("similar cases"):
            (case,) = add_neighbours([case], self.gallery)
            pictures = self._pictures(case)
        with clock.timing("report"):
            report, withheld = self._report(case)
        warnings = warnings_of(case, report, withheld, copies)
        result = self._result(case, no_map, report, withheld, warnings, clock.seconds)
        return Study(result=result, pixels=case.pixels, heatmap=case.heatmap, pictures=pictures)

    def _predict(self, record: Record, image: Image) -> tuple[Case, list[Item]]:
        """Return a case with its prediction, and what the archive holds of its very pixels."""
        (case,) = predict_images(self.classifier, self.dataset, [(record, image)], from_file=True)
        index = self.gallery.index
        copies = copies_of(index, content_hash(case.pixels))
        drawn = any(index.description.origin(item.dataset).synthetic for item in copies)
        return replace(case, synthetic=drawn), copies

    def _pictures(self, case: Case) -> dict[str, Pixels]:
        found: dict[str, Pixels] = {}
        reasons = []
        for hit in case.neighbours:
            try:
                (found[hit.id],) = read_images(
                    self.gallery.index, [hit.id], data_dir=self.data_dir, opened=self._datasets
                )
            except MedxError as error:
                reasons.append(str(error))
        if reasons:
            warn(f"{len(reasons)} of {len(case.neighbours)} similar cases unseen: {reasons[0]}")
        return found

    def _report(self, case: Case) -> tuple[Report | None, Withheld | None]:
        if reason := refuse(evidence_of(case)):
            return None, Withheld(kind=NoReport.refused, reason=reason)
        try:
            (item,) = report_items([case])
            return report_on(item, self.strategy, self.chosen), None
        except MedxError as error:
            return None, Withheld(kind=NoReport.failed, reason=str(error), hint=error.hint)

    def _result(
        self,
        case: Case,
        no_map: str | None,
        report: Report | None,
        withheld: Withheld | None,
        warnings: list[str],
        seconds: dict[str, float],
    ) -> CaseResult:
        fact = heatmap_fact(case.heatmap)
        if fact is None and no_map is None:
            no_map = f"the classifier shows no place that speaks for {case.prediction.label}"
        return CaseResult(
            image_id=case.id,
            image_sha256=pixels_sha256(case.pixels),
            native_size=case.native_size,
            modality=case.modality,
            dataset=case.dataset,
            synthetic=case.synthetic,
            synthetic_source=self.dataset.synthetic or self.gallery.index.description.synthetic,
            is_mock=report is not None and report.is_mock,
            prediction=case.prediction,
            heatmap=fact,
            heatmap_note=no_map,
            neighbours=case.neighbours,
            report=report,
            withheld=withheld,
            warnings=warnings,
            provenance=self._provenance(case, report),
            seconds={name: round(value, 3) for name, value in seconds.items()},
            created=now(),
        )

    def _provenance(self, case: Case, report: Report | None) -> dict[str, str]:
        known = {
            "medx": metadata.version("medx"),
            "dataset": case.dataset,
            "classifier": case.prediction.classifier,
            "classifier weights (SHA-256)": self.classifier.description.weights_sha256,
            "index": case.index,
            "heat-map": case.heatmap.method if case.heatmap else "",
        }
        if report:
            known |= {
                "engine": report.engine + (" (mock)" if report.is_mock else ""),
                "engine chosen because": report.engine_reason,
                "model": report.model,
                "model revision": report.model_revision,
                "strategy": f"{report.strategy}, version {report.strategy_version}",
                "prompt (SHA-256)": report.prompt_sha256,
            }
        return {name: value for name, value in known.items() if value}


def open_workbench(
    config: ReportConfig,
    *,
    data_dir: Path | None = None,
    chosen: ChosenEngine | None = None,
) -> Workbench:
    """Open what ``config`` names; classifier and index are made first, with a note, if need be.

    Args:
        config: Dataset, run, index, engine and the first of its strategies.
        data_dir: Where ``.npz`` datasets are searched first.
        chosen: What writes; None chooses by ``config``.
    """
    strategy = load_strategy(config.strategies[0])
    chosen = chosen or choose_engine(
        config
    )  # what cannot write is said before anything is computed
    check_gallery(config.index, backend=config.backend, uri=config.uri)
    name = config.dataset or default_dataset(data_dir)
    dataset = load_dataset(name, data_dir=data_dir)
    if config.run is None:
        train_dir = ensure_classifier(dataset, name, device=config.device)
    else:
        train_dir = find_train_run(name, config.run)
    note(f"loading the classifier {train_dir.name}")
    classifier = load_classifier(train_dir, device=config.device)
    note(f"opening the index {Path(config.index).name if config.index else f'of {dataset.name}'}")
    gallery = open_gallery(
        index=config.index, dataset=name, data_dir=data_dir, device=config.device,
        backend=config.backend, uri=config.uri,
    )  # fmt: skip
    return Workbench(
        dataset=dataset,
        train_dir=train_dir,
        classifier=classifier,
        gallery=gallery,
        chosen=chosen,
        strategy=strategy,
        data_dir=data_dir,
    )


class _Clock:
    """Wall time by step, and ``total``."""

    def __init__(self, told: Callable[[str], None] | None) -> None:
        self._steps: dict[str, float] = {}
        self._told = told

    @contextmanager
    def timing(self, step: str) -> Iterator[None]:
        if self._told is not None:
            self._told(step)
        started = time.perf_counter()
        try:
            yield
        finally:
            self._steps[step] = time.perf_counter() - started

    @property
    def seconds(self) -> dict[str, float]:
        return {**self._steps, "total": sum(self._steps.values())}
