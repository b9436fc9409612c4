"""Finished runs of ``medx report generate``, read report by report."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from medx.core import settings
from medx.core.console import track, warn
from medx.core.errors import CheckpointError, InputError
from medx.core.runs import load_config, load_json
from medx.core.words import many
from reportgen.evaluation.candidate import Written, written_of
from reportgen.evaluation.results import Damaged
from reportgen.modality import modality_of
from reportgen.report_files import SUMMARY, list_reports, read_report


class Writer(NamedTuple):
    """Who wrote, and how it was asked."""

    engine: str
    model: str
    model_revision: str
    strategy: str
    strategy_version: int
    is_mock: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedRun:
    """All that a run left.

    Args:
        config: Its settings.
        finished: False when it was interrupted: images it never came to are not known.
        reports: Writer → image id → report.
        reasons: (image id, strategy) → why there is no report; strategy None: any.
        synthetic: Whether any image was drawn.
        chest: Whether its images are chest radiographs.
        dataset: As the reports call it.
    """

    name: str
    run_dir: Path
    config: dict[str, Any]
    finished: bool
    reports: dict[Writer, dict[str, Written]]
    reasons: dict[tuple[str, str | None], str]
    damaged: tuple[Damaged, ...]
    synthetic: bool
    chest: bool
    dataset: str

    @property
    def image_ids(self) -> list[str]:
        """Every image it was to report on, as far as is known, sorted."""
        ids = {name for reports in self.reports.values() for name in reports}
        return sorted(ids | {name for name, _ in self.reasons})

    def reason(self, image_id: str, strategy: str) -> str:
        """Say why there is no report."""
        for key in ((image_id, strategy), (image_id, None)):
            if key in self.reasons:
                return self.reasons[key]
        return "no report file" if self.finished else "the run did not finish"


def read_runs(names: tuple[str, ...]) -> list[FinishedRun]:
    """Read runs by folder or name.

    Raises:
        InputError: When none is named, one is named twice, or one holds no readable report.
        CheckpointError: When a folder is no run.
    """
    folders = [find_report_run(name) for name in names]
    if not folders or len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("name one run of `medx report generate` or several different ones")
    return [_read_run(folder) for folder in folders]


def find_report_run(name: str) -> Path:
    """Return the folder of a run, given by folder or by name.

    Raises:
        CheckpointError: When there is none.
    """
    named = settings.output_dir() / "report" / "generate" / name
    own = (Path(name) / "config.yaml").is_file() or not named.is_dir()
    return Path(name) if own else named


def _read_run(folder: Path) -> FinishedRun:
    config = load_config(folder)
    reports: dict[Writer, dict[str, Written]] = defaultdict(dict)
    damaged, datasets = [], set()
    synthetic = chest = False
    paths = list_reports(folder)
    for path in track(paths, f"reading {folder.resolve().name}"):
        try:
            report = read_report(path)
        except InputError as error:
            damaged.append(Damaged(path=path.name, reason=str(error)))
            continue
        writer = Writer(
            report.engine, report.model, report.model_revision, report.strategy,
            report.strategy_version, report.is_mock,
        )  # fmt: skip
        reports[writer][report.image_id] = written_of(report)
        synthetic |= report.synthetic
        chest |= modality_of(report.evidence.modality).chest
        datasets.add(report.evidence.dataset)
    if damaged:
        files = many(len(damaged), "report file")
        warn(f"{files} of {folder} cannot be read; first: {damaged[0].reason}")
    if not reports:
        raise InputError(
            f"{folder} holds no report that can be read",
            hint="name a run of `medx report generate` or its folder",
        )
    finished, reasons = _read_reasons(folder)
    return FinishedRun(
        name=folder.resolve().name,
        run_dir=folder,
        config=config,
        finished=finished,
        reports=dict(reports),
        reasons=reasons,
        damaged=tuple(damaged),
        synthetic=synthetic,
        chest=chest,
        dataset=" and ".join(sorted(datasets)),
    )


def _read_reasons(folder: Path) -> tuple[bool, dict[tuple[str, str | None], str]]:
    """Return whether the run finished, and what failed, was refused or could not be read."""
    try:
        summary = load_json(folder / SUMMARY)
    except CheckpointError as error:
        warn(f"{error} Images it never came to are not counted")
        return False, {}
    reasons: dict[tuple[str, str | None], str] = {}
    try:
        for kind, said in (("skipped", "unreadable: "), ("refused", "refused: "), ("failures", "")):
            for row in summary.get(kind, []):
                key = (str(row["image_id"]), row.get("strategy"))
                reasons[key] = f"{said}{row['reason']}"
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / SUMMARY} is damaged: {error!r}") from error
    return True, reasons
