"""Reports by several engines on the same images, each engine in a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from medx.case.report_stream import NeighbourReader, sample_input, stream_items
from medx.case.workbench import open_workbench
from medx.core import runs
from medx.core.console import note, warn
from medx.core.errors import EngineError, InputError
from medx.core.files import make_dir, safe_name
from reportgen.config import ReportConfig
from reportgen.engines.choose import choose_engine
from reportgen.generate import generate_reports
from reportgen.strategies.base import Strategy


@dataclass(frozen=True, kw_only=True)
class WrittenRuns:
    """Runs that hold reports, and what has to be known of the others."""

    folders: tuple[Path, ...]
    notes: tuple[str, ...]


def parse_engine(text: str) -> tuple[str, str | None]:
    """Read ``ENGINE`` or ``ENGINE=MODEL``.

    Raises:
        InputError: When it is neither.
    """
    name, equals, model = (part.strip() for part in text.partition("="))
    if not name or (equals and not model):
        raise InputError(f"--engine takes ENGINE or ENGINE=MODEL, got {text!r}")
    return name, model or None


def write_runs(
    config: ReportConfig,
    engines: Sequence[str],
    strategies: Sequence[Strategy],
    folder: Path,
    *,
    data_dir: Path | None = None,
    resume: bool = False,
    exact: bool = True,
) -> WrittenRuns:
    """Write reports by every engine with every strategy on one choice of images.

    An engine that writes nothing at all is told and left out, unless it is the only one.

    Args:
        config: What to report on, and how engines are set.
        engines: Each ``ENGINE`` or ``ENGINE=MODEL``.
        strategies: What each is asked.
        folder: Gets a run folder an engine.
        data_dir: Where ``.npz`` datasets are searched first.
        resume: Keep the reports that are there.
        exact: Fail where there are fewer images than asked for; else take all.

    Raises:
        InputError: When an engine is named twice.
        EngineError: When no engine wrote a report.
    """
    configs = [_with_engine(config, text) for text in engines]
    names = [safe_name("-".join(filter(None, (c.engine, c.model)))) for c in configs]
    if len(set(names)) < len(names):
        raise InputError("an engine is named twice", hint="compare its runs, or give another model")
    # What cannot write is said before anything is computed; weights load with the first report.
    chosen = [choose_engine(own) for own in configs]
    bench = open_workbench(configs[0], data_dir=data_dir, chosen=chosen[0])
    part = bench.dataset.split(config.split, limit=config.limit)
    images = sample_input(part, bench, config.num_samples, seed=config.seed, exact=exact)
    written, notes = [], []
    for name, own in zip(names, configs, strict=True):
        engine = chosen.pop(0)  # kept by no list, so that one model is in memory at a time
        bench.chosen = engine
        run_dir = folder / name
        make_dir(run_dir)
        runs.save_config(run_dir, asdict(own))
        note(f"reports by {name}: {engine.reason}")
        try:
            generate_reports(
                stream_items([images], bench),
                strategies,
                engine,
                run_dir,
                resume=resume,
                total=len(images),
                neighbours=NeighbourReader(bench),
            )
        except EngineError as error:
            if len(engines) == 1:
                raise
            notes.append(f"{name} wrote no report: {error}")
            warn(notes[-1])
        else:
            written.append(run_dir)
    if not written:
        raise EngineError(f"no engine wrote a report; {notes[0]}")
    return WrittenRuns(folders=tuple(written), notes=tuple(notes))


def _with_engine(config: ReportConfig, text: str) -> ReportConfig:
    name, model = parse_engine(text)
    return replace(config, engine=name, model=model or config.model)
