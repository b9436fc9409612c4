"""The whole chain in one go: train, evaluate, index, search, report, and a page that shows it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PILImage

from classify.config import TrainConfig
from classify.evaluation.evaluate import evaluate
from classify.predict import load_classifier
from classify.results import EvaluationResult, TrainResult
from classify.runs import dataset_key
from classify.training.train import train
from medx.case.report_stream import NeighbourReader, sample_input, stream_items
from medx.case.workbench import Workbench
from medx.core.console import note
from medx.core.files import atomic_path, make_dir, safe_name, write_text
from medx.core.images import Pixels
from medx.core.pages import render_page
from medx.core.settings import DISCLAIMER
from medx.core.values import Value
from medx.datasets.catalog import default_dataset, load_dataset
from medx.datasets.manifest import Dataset
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine
from reportgen.generate import generate_reports
from reportgen.report import Report
from reportgen.report_files import read_report
from reportgen.report_set import ReportSet
from reportgen.strategies import STRATEGIES
from retrieval.config import GalleryConfig
from retrieval.evaluation.evaluate import evaluate_index, save_evaluation
from retrieval.evaluation.results import EvaluationResult as RetrievalResult
from retrieval.gallery import Gallery, open_gallery
from retrieval.search.queries import text_search
from retrieval.search.results import SearchResult

#: What to ask of an archive; other datasets are asked for their classes.
QUERIES = {
    "pneumoniamnist": ("consolidation", "clear lungs"),
    "phantom-cxr": ("consolidation", "left pleural effusion", "enlarged heart"),
}
METRIC_NAMES = {
    "accuracy": "accuracy",
    "auroc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "precision": "precision",
    "sensitivity": "sensitivity (recall)",
    "specificity": "specificity",
}
SUMMARY_K = 10
TOP_K = 8
SAMPLES = 6


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """What the demo runs on.

    Args:
        dataset: Name or folder; None takes PneumoniaMNIST when at hand, else ``phantom-cxr``.
        data_dir: Where ``.npz`` datasets are searched first.
        output_dir: Gets one folder a dataset and ``index.html``.
        device: A ``--device`` value.
        seed: Of training, bootstrap and sampling.
    """

    dataset: str | None = None
    data_dir: Path | None = None
    output_dir: Path
    device: str = "auto"
    seed: int = 0


class DemoResult(Value):
    """Everything the demo did; ``medx demo --json``."""

    schema_version: int = 1
    page: str
    dataset: str
    synthetic: bool
    location: str
    training: TrainResult
    evaluation: EvaluationResult
    retrieval: RetrievalResult
    searches: list[SearchResult]
    reports: ReportSet
    seconds: float
    resumed: bool = False
    disclaimer: str = DISCLAIMER

    def summary_rows(self) -> list[tuple[str, str, float | None]]:
        """Return ``(what, value, chance)`` of the figures a person asks for first."""
        measured = self.evaluation.metrics
        rows: list[tuple[str, str, float | None]] = [
            (
                f"classifier {METRIC_NAMES[name]}",
                str(measured[name]),
                self.evaluation.chance.get(name),
            )
            for name in METRIC_NAMES
            if measured.get(name)
        ]
        for protocol in self.retrieval.protocols:
            for row in protocol.rows:
                shown = row.scope == "all" or (row.scope == "class" and row.top_k == SUMMARY_K)
                if shown and row.measure == "precision":
                    what = f"{protocol.task} {protocol.protocol} {row.name} {row.label or ''}"
                    rows.append((what.strip(), str(row.value), row.chance))
        engine = f"{self.reports.engine}{' (mock)' if self.reports.is_mock else ''}"
        rows.append((f"reports by {engine}", str(len(self.reports.reports)), None))
        return rows


def run_demo(config: DemoConfig) -> DemoResult:
    """Run every subsystem on one dataset and write ``index.html``.

    What an interrupted demo finished is kept and not done again.

    Args:
        config: What to run on.
    """
    started = time.perf_counter()
    name = config.dataset or default_dataset(config.data_dir)
    dataset = load_dataset(name, data_dir=config.data_dir)
    made_up = " (synthetic)" if dataset.synthetic else ""
    note(f"demo on {dataset.name}{made_up}: {len(dataset)} images from {dataset.location}")
    folder = config.output_dir / safe_name(dataset.name)

    note("1/4 classifier")
    recipe = TrainConfig(dataset=dataset_key(name), device=config.device, seed=config.seed)
    train_dir = _made(folder / f"train-{_recipe_key(recipe, dataset)}")
    resumed = (train_dir / "config.yaml").is_file()
    training = train(recipe, train_dir, dataset, resume=True)
    evaluation = evaluate(
        train_dir, dataset, output_dir=_made(folder / "evaluate"), seed=config.seed
    )

    note("2/4 search")
    gallery = open_gallery(
        GalleryConfig(dataset=name, data_dir=config.data_dir, device=config.device)
    )
    retrieval = save_evaluation(
        evaluate_index(gallery.index, gallery.encoder), _made(folder / "retrieve")
    )
    searches = [
        text_search(gallery.index, gallery.encoder, text, top_k=min(TOP_K, len(gallery.index)))
        for text in QUERIES.get(dataset.name, dataset.classes)
    ]

    note("3/4 reports")
    reports = _write_reports(config, dataset, gallery, train_dir, _made(folder / "report"))

    note("4/4 page")
    page = config.output_dir / "index.html"
    result = DemoResult(
        page=str(page),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        location=dataset.location,
        training=training,
        evaluation=evaluation,
        retrieval=retrieval,
        searches=searches,
        reports=reports,
        seconds=time.perf_counter() - started,
        resumed=resumed,
    )
    _write_page(result, dataset, gallery, page)
    return result


def _write_reports(
    config: DemoConfig, dataset: Dataset, gallery: Gallery, train_dir: Path, folder: Path
) -> ReportSet:
    chosen = choose_engine(ReportConfig(device=config.device, seed=config.seed))
    strategies = [STRATEGIES.load(strategy) for strategy in STRATEGIES]
    bench = Workbench(
        dataset=dataset,
        train_dir=train_dir,
        classifier=load_classifier(train_dir, device=config.device),
        gallery=gallery,
        chosen=chosen,
        strategy=strategies[0],
        data_dir=config.data_dir,
    )
    part = dataset.split("test")
    images = sample_input(part, bench, SAMPLES, seed=config.seed, exact=False)
    return generate_reports(
        stream_items([images], bench),
        strategies,
        chosen,
        folder,
        resume=True,
        total=len(images),
        neighbours=NeighbourReader(bench),
    )


def _write_page(result: DemoResult, dataset: Dataset, gallery: Gallery, page: Path) -> None:
    run_dir = Path(result.reports.run_dir)
    reports = [read_report(run_dir / row.path) for row in result.reports.reports]
    shown = {hit.id for search in result.searches for hit in search.hits}
    shown |= {report.image_id for report in reports}
    shown |= {hit.id for report in reports for hit in report.evidence.neighbours}
    pictures = _save_pictures(dataset, shown, page.parent)
    cases: dict[str, list[Report]] = {}
    for report in reports:
        cases.setdefault(report.image_id, []).append(report)
    labels = {record.id: record.label for record in dataset.records}
    text = render_page(
        "demo.html.j2",
        demo=result,
        encoder=gallery.encoder,
        pictures=pictures,
        cases=cases,
        labels=labels,
        figures=_relative(result, page.parent),
        metric_names=METRIC_NAMES,
    )
    write_text(page, text)


def _save_pictures(dataset: Dataset, ids: Iterable[str], folder: Path) -> dict[str, str]:
    """Write images as PNG below ``folder``; return their relative paths by id."""
    paths = {}
    for number, name in enumerate(sorted(ids)):
        paths[name] = f"{safe_name(dataset.name)}/images/{number:03d}.png"
        _save_png(dataset.read(dataset.find(name)).pixels, folder / paths[name])
    return paths


def _save_png(pixels: Pixels, path: Path) -> None:
    with atomic_path(path) as temporary:
        PILImage.fromarray(pixels).save(temporary, format="PNG")


def _relative(result: DemoResult, folder: Path) -> list[tuple[str, str]]:
    """Return ``(path, title)`` of every figure, relative to the page."""
    runs = (
        (result.training.run_dir, result.training.figures),
        (result.evaluation.run_dir, result.evaluation.figures),
        (str(result.retrieval.run_dir), ["figures/precision_at_k.png"]),
    )
    return [
        (
            (Path(run) / figure).resolve().relative_to(folder.resolve()).as_posix(),
            Path(figure).stem.replace("_", " "),
        )
        for run, figures in runs
        for figure in figures
    ]


def _recipe_key(recipe: TrainConfig, dataset: Dataset) -> str:
    """Return what changes with the recipe or the records, so that no stale model is shown."""
    records = [(r.id, r.label, r.split) for r in dataset.records]
    return hashlib.sha256(repr((recipe, records)).encode()).hexdigest()[:8]


def _made(folder: Path) -> Path:
    make_dir(folder)
    return folder
