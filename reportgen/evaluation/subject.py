"""One contender on all images of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reportgen.evaluation.candidate import Candidate
from reportgen.evaluation.results import Kind, Missing
from reportgen.evaluation.runs import FinishedRun, Writer
from reportgen.evaluation.statements import SILENT, ClassReader, Statement


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What one contender says of each image.

    Args:
        about: What it is, in words.
        run: Where its reports come from; None: a baseline.
        candidates: By image; None where there is no report.
        statements: By image; None where it was not asked, silence where a report is missing.
        has_text: False for a baseline that only names classes.
    """

    name: str
    kind: Kind
    about: str
    candidates: Sequence[Candidate | None]
    statements: Sequence[Statement | None]
    run: FinishedRun | None = None
    writer: Writer | None = None
    missing: Sequence[Missing] = ()
    has_text: bool = True

    @cached_property
    def asked(self) -> list[bool]:
        """Whether it was asked about each image."""
        return [statement is not None for statement in self.statements]

    @property
    def is_mock(self) -> bool:
        """Whether the mock wrote it."""
        return self.writer is not None and self.writer.is_mock


def subjects_of(
    runs: Sequence[FinishedRun], ids: Sequence[str], reader: ClassReader
) -> list[Subject]:
    """Return each writer of each run.

    Args:
        runs: What was read.
        ids: The images that are measured.
        reader: Of the classes.
    """
    writers = [(run, writer) for run in runs for writer in run.reports]
    names = _name([writer for _, writer in writers], [run.name for run, _ in writers])
    return [
        _subject(run, writer, name, ids, reader)
        for (run, writer), name in zip(writers, names, strict=True)
    ]


def say_all(
    candidates: Sequence[Candidate | None], asked: Sequence[bool], reader: ClassReader
) -> list[Statement | None]:
    """Read what each report states; a missing one is silent."""
    return [
        None if not a else SILENT if candidate is None else reader.read(candidate)
        for candidate, a in zip(candidates, asked, strict=True)
    ]


def _subject(
    run: FinishedRun, writer: Writer, name: str, ids: Sequence[str], reader: ClassReader
) -> Subject:
    reports = run.reports[writer]
    own = set(run.image_ids)
    candidates = [reports.get(image_id) for image_id in ids]
    return Subject(
        name=name,
        kind=Kind.engine,
        about=f"{writer.model} asked by strategy {writer.strategy} {writer.strategy_version}",
        candidates=candidates,
        statements=say_all(candidates, [image_id in own for image_id in ids], reader),
        run=run,
        writer=writer,
        missing=[
            Missing(image_id=image_id, reason=run.reason(image_id, writer.strategy))
            for image_id, candidate in zip(ids, candidates, strict=True)
            if candidate is None and image_id in own
        ],
    )


def _name(writers: Sequence[Writer], runs: Sequence[str]) -> list[str]:
    """Return the shortest names that tell writers apart."""
    models = [writer.model.rstrip("/").rsplit("/", 1)[-1] for writer in writers]
    short = [f"{w.engine}/{w.strategy}" for w in writers]
    long = [f"{w.engine} {model}/{w.strategy}" for w, model in zip(writers, models, strict=True)]
    own = [f"{run}: {name}" for run, name in zip(runs, short, strict=True)]
    exact = [
        f"{run}: {name} {w.model_revision} v{w.strategy_version}"
        for w, run, name in zip(writers, runs, long, strict=True)
    ]
    numbered = [f"{name} #{n}" for n, name in enumerate(exact, start=1)]
    for names in (short, long, own, exact):
        if len(set(names)) == len(names):
            return names
    return numbered
