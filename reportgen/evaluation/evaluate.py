"""Measure finished reports against labels, references, and what needs no look at the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from medx.core.bootstrap import Bootstrap
from medx.core.files import write_json
from medx.core.ledger import LEDGER_FILE, append_entry, read_entries
from medx.core.runs import save_config
from reportgen.evaluation.baselines import (
    classifier_subject,
    constant_subjects,
    shuffled_subject,
)
from reportgen.evaluation.config import EvaluateConfig
from reportgen.evaluation.flips import group_flips, pair_flips
from reportgen.evaluation.images import (
    choose_images,
    dataset_of,
    groups,
    predicted_classes,
    predictions,
    say_chosen,
    say_classifiers,
    split,
)
from reportgen.evaluation.measuring import Known, measure
from reportgen.evaluation.notes import say_notes
from reportgen.evaluation.page import save_page
from reportgen.evaluation.pairs import paired_tests
from reportgen.evaluation.results import ReportEvaluation, RunNote
from reportgen.evaluation.runs import FinishedRun, read_runs
from reportgen.evaluation.scorers import Scorer, parse_scorer
from reportgen.evaluation.statements import ClassReader
from reportgen.evaluation.subject import Subject, subjects_of
from reportgen.evaluation.truth import Truth, read_truth
from reportgen.evaluation.wording import PACKAGES, missing_packages
from reportgen.evaluation.worst import worst_cases
from reportgen.labeler.labeler import label_report


def evaluate_reports(
    config: EvaluateConfig,
    run_dir: Path,
    *,
    data_dir: Path | None = None,
    notes: Sequence[str] = (),
) -> ReportEvaluation:
    """Measure every engine and strategy of finished runs, beside constant and shuffled reports.

    Each look at a test split is appended to the ledger of the run.

    Args:
        config: What to measure, against what.
        run_dir: Gets ``metrics.json``, ``config.yaml`` and the page.
        data_dir: Where ``.npz`` datasets are searched first.
        notes: What is already to be said of these reports.

    Raises:
        InputError: When runs, files or external measures cannot be used.
        CheckpointError: When a folder is no run.
    """
    scorers = [parse_scorer(text, config.scorer_timeout) for text in config.scorers]
    runs = read_runs(config.runs)
    ids, left_out = choose_images(runs, shared=config.shared)
    truth = read_truth(config, dataset_of(config, runs), ids, data_dir=data_dir)
    save_config(run_dir, _plain(asdict(config)))
    reader = ClassReader(
        names=truth.findings or predicted_classes(runs),
        normal=truth.normal,
        chest=any(run.chest for run in runs),
    )
    how = Bootstrap(groups=groups(truth, ids), resamples=config.resamples, seed=config.seed)
    engines = subjects_of(runs, ids, reader)
    known = _known(truth, ids, reader, scorers)
    baselines = _baselines(engines, runs, ids, truth, reader, seed=config.seed)
    contenders, measured = measure([*engines, *baselines], known, how)
    tests, untested = paired_tests(measured, known.true, how)
    looks = _record(runs, ids, truth, known)
    result = ReportEvaluation(
        run_dir=str(run_dir),
        page=str(run_dir / "report_evaluation.html"),
        dataset=" and ".join(sorted({run.dataset for run in runs})),
        split=split(truth, ids),
        synthetic=any(run.synthetic for run in runs),
        is_mock=any(contender.is_mock for contender in contenders),
        images=len(ids),
        labelled=sum(true is not None for true in known.true),
        referenced=sum(text is not None for text in known.texts),
        labels_from=truth.labels_from if known.has_labels else None,
        references_from=truth.references_from if known.has_references else None,
        classes=list(reader.names),
        normal=truth.normal,
        runs=list(map(_note, runs, looks)),
        contenders=contenders,
        flips=pair_flips(engines, how),
        flip_groups=group_flips(engines, how),
        tests=tests,
        worst=worst_cases(engines, ids, truth, known.labels, config.worst),
        notes=[
            *notes,
            *left_out,
            *say_chosen(truth, ids),
            *say_classifiers(runs),
            *truth.notes,
            *say_notes(runs, [*engines, *baselines], known),
            *untested,
        ],
        unit=how.unit,
        bootstrap_resamples=config.resamples,
        bootstrap_seed=config.seed,
    )
    write_json(run_dir / "metrics.json", result.model_dump(mode="json"))
    save_page(result, Path(result.page))
    return result


def _known(
    truth: Truth, ids: Sequence[str], reader: ClassReader, scorers: Sequence[Scorer]
) -> Known:
    references = [truth.of(image_id).reference for image_id in ids]
    lacking = missing_packages()
    return Known(
        true=[truth.true_classes(image_id) for image_id in ids],
        classes=reader.names,
        texts=references,
        labels=[label_report(text) if text else None for text in references],
        measures=[name for name in PACKAGES if name not in lacking],
        scorers=scorers,
    )


def _note(run: FinishedRun, looks: int | None) -> RunNote:
    return RunNote(
        name=run.name,
        run_dir=str(run.run_dir),
        finished=run.finished,
        damaged=list(run.damaged),
        test_evaluations=looks,
    )


def _baselines(
    engines: Sequence[Subject],
    runs: Sequence[FinishedRun],
    ids: Sequence[str],
    truth: Truth,
    reader: ClassReader,
    *,
    seed: int,
) -> list[Subject]:
    asked = [True] * len(ids)
    known = predictions(runs)
    found = constant_subjects(truth.train_references(), asked, reader)
    classifier = classifier_subject([known.get(name) for name in ids], reader.names)
    shuffled = [shuffled_subject(subject, reader, seed) for subject in engines]
    return [*found, *(subject for subject in (classifier, *shuffled) if subject is not None)]


def _record(
    runs: Sequence[FinishedRun], ids: Sequence[str], truth: Truth, known: Known
) -> list[int | None]:
    """Note in each run that its test images were looked at; return how often they were by now."""
    looks: list[int | None] = []
    measured = set(ids) if known.has_labels or known.has_references else set()
    for run in runs:
        own = [name for name in run.image_ids if name in measured]
        splits = {truth.of(name).split for name in own}
        if splits <= {"train", "val"}:
            looks.append(None)
            continue
        path = run.run_dir / LEDGER_FILE
        append_entry(path, dataset=run.dataset, split=split(truth, own), n=len(own))
        looks.append(len(read_entries(path)))
    return looks


def _plain(config: dict[str, object]) -> dict[str, object]:
    """Return a config as YAML can hold it."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in config.items()
    }
