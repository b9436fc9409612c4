"""Train runs side by side on the same images, and what each loses from val on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.config import CompareConfig, as_mapping
from classify.data import say_limit
from classify.evaluation.chance import chance_levels
from classify.evaluation.comparison import ComparedRun, Comparison, PairedTest
from classify.evaluation.comparison_page import draw_comparison, save_comparison_page
from classify.evaluation.entry import Entry, Place, enter
from classify.evaluation.evaluate import PAGE
from classify.evaluation.gaps import find_gaps
from classify.evaluation.metrics import Case, measure_case
from classify.evaluation.paired_tests import compare_auroc
from classify.evaluation.shared_classes import map_labels
from classify.ledger import (
    count_evaluations,
    digest_test,
    is_own,
    record_evaluation,
    say_learned,
)
from classify.predict import Classifier, load_classifier
from classify.results import Skipped
from classify.runs import dataset_key, find_train_run, trained_on
from medx.core.console import track
from medx.core.errors import InputError
from medx.core.files import write_json
from medx.core.paired_tests import Difference, compare_accuracy, holm
from medx.core.runs import save_config
from medx.datasets.catalog import load_dataset

SHOWN = ("auroc", "accuracy", "balanced_accuracy", "sensitivity", "specificity")


def compare_runs(
    config: CompareConfig, run_dir: Path, *, data_dir: Path | None = None
) -> Comparison:
    """Measure every run on every dataset, and test them against one another on the same images.

    Each look of a model at a test split is appended to the ledger of its train run.

    Args:
        config: What to compare.
        run_dir: Gets ``metrics.json``, figures and ``index.html``.
        data_dir: Where ``.npz`` datasets are searched first.

    Raises:
        InputError: When no run is named, or a run or a dataset twice.
        CheckpointError: When a run is unfinished or damaged.
    """
    folders = [find_train_run("", run) for run in config.runs]
    if not folders or len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("name one train run or several different ones")
    names = [dataset_key(name) for name in config.datasets or (trained_on(folders[0]),)]
    if len(set(names)) < len(names):
        raise InputError("name each dataset once")
    places = _places(names, config, data_dir)
    classifiers = {
        folder: load_classifier(folder, config.device, batch_size=config.batch_size)
        for folder in folders
    }
    save_config(run_dir, as_mapping(config))
    entries, rows = [], []
    pairs = [(folder, place) for place in places for folder in folders]
    for folder, place in track(pairs, "measuring"):
        known = classifiers[folder].description.dataset == place.dataset.name
        own = known and is_own(folder, place.dataset)
        entry = enter(classifiers[folder], place, config, own=own)
        name, ids = place.dataset.name, digest_test(place.dataset)
        if entry.scored.met_test:
            record_evaluation(folder, name, entry.split, len(entry.scored.records), ids=ids)
        entries.append(entry)
        rows.append(_row(entry, count_evaluations(folder, name, ids)))
    runs = dict(zip(classifiers.values(), folders, strict=True))
    gaps, gap_notes = find_gaps(entries, config, runs)
    tests, test_notes = _all_tests(entries)
    result = Comparison(
        run_dir=str(run_dir),
        page=str(run_dir / PAGE),
        split=config.split,
        shown=list(SHOWN),
        rows=rows,
        gaps=gaps,
        tests=tests,
        notes=list(dict.fromkeys([*_notes(entries, runs, config), *gap_notes, *test_notes])),
        bootstrap_resamples=config.resamples,
        bootstrap_seed=config.seed,
        figures=draw_comparison(entries, run_dir),
    )
    write_json(run_dir / "metrics.json", result.model_dump())
    save_comparison_page(result, run_dir / PAGE)
    return result


def _places(names: Sequence[str], config: CompareConfig, data_dir: Path | None) -> list[Place]:
    datasets = [load_dataset(name, data_dir=data_dir) for name in names]
    sharing = Counter(dataset.name for dataset in datasets)
    return [
        Place(
            title=f"{dataset.name} ({name})" if sharing[dataset.name] > 1 else dataset.name,
            dataset=dataset,
            mapped=map_labels(dataset, config.label_map, lenient=True),
        )
        for name, dataset in zip(names, datasets, strict=True)
    ]


def _row(entry: Entry, looks: int) -> ComparedRun:
    about, shared = entry.classifier.description, entry.scored.shared
    return ComparedRun(
        classifier=entry.classifier.name,
        trained_on=about.dataset,
        dataset=entry.place.title,
        synthetic=entry.place.dataset.synthetic,
        split=entry.split,
        n=len(entry.scored.records),
        classes=list(entry.classifier.classes),
        absent=list(shared.absent),
        left_out=shared.left_out,
        operating_point=about.operating_point,
        metrics=measure_case(entry.scored.case, entry.how)[0],
        chance=chance_levels(entry.scored.target, entry.scored.case.num_classes),
        unit=entry.how.unit,
        test_evaluations=looks,
        skipped=[Skipped(id=name, reason=reason) for name, reason in entry.scored.skipped],
    )


def _all_tests(entries: Sequence[Entry]) -> tuple[list[PairedTest], list[str]]:
    notes, found = [], []
    for place in dict.fromkeys(entry.place for entry in entries):
        here = [entry for entry in entries if entry.place is place]
        for first, second in combinations(here, 2):
            if set(first.classifier.classes) != set(second.classifier.classes):
                notes.append(
                    f"{first.classifier.name} and {second.classifier.name} know different "
                    "classes: AUROC is not compared"
                )
            found += list(_tests(first, second))
    adjusted = holm([test.p_value for test in found])
    placed = [
        test.model_copy(update={"p_adjusted": p}) for test, p in zip(found, adjusted, strict=True)
    ]
    return placed, notes


def _tests(first: Entry, second: Entry) -> Iterable[PairedTest]:
    """Yield the tests of two runs on the images that both could read and know the class of."""
    rows = {record.id: i for i, record in enumerate(second.scored.records)}
    shared = [(i, rows[r.id]) for i, r in enumerate(first.scored.records) if r.id in rows]
    if not shared:
        return
    one, two = (np.array(column) for column in zip(*shared, strict=True))
    how = first.how.of(one)
    right = _right(first)[one], _right(second)[two]
    yield _as_test(first, second, "accuracy", len(one), compare_accuracy(*right, how))
    if set(first.classifier.classes) == set(second.classifier.classes):
        order = [second.classifier.classes.index(name) for name in first.classifier.classes]
        cases = [_rows_of(first, one, range(len(order))), _rows_of(second, two, order)]
        truth = cases[0].target
        areas = compare_auroc(cases[0], replace(cases[1], target=truth), how)
        if areas is not None:
            yield _as_test(first, second, "auroc", len(one), areas)


def _right(entry: Entry) -> npt.NDArray[np.bool_]:
    return np.asarray(entry.scored.predicted == entry.scored.target)


def _rows_of(entry: Entry, rows: npt.NDArray[np.intp], order: Sequence[int]) -> Case:
    """Return some images of an entry with its classes in another order."""
    scored = entry.scored
    return Case(
        target=scored.target[rows],
        probs=scored.probs[rows][:, list(order)],
        predicted=scored.predicted[rows],
    )


def _as_test(
    first: Entry, second: Entry, statistic: str, n: int, difference: Difference
) -> PairedTest:
    return PairedTest(
        dataset=first.place.title,
        first=first.classifier.name,
        second=second.classifier.name,
        statistic=statistic,
        n=n,
        difference=difference.interval,
        p_value=difference.p_value,
        p_adjusted=difference.p_value,
        method=difference.method,
        only_first=difference.only_first,
        only_second=difference.only_second,
    )


def _notes(
    entries: Sequence[Entry], folders: dict[Classifier, Path], config: CompareConfig
) -> Iterable[str]:
    yield from say_limit(config.limit)
    for entry in entries:
        yield from entry.scored.notes
        dataset = entry.place.dataset
        if dataset.name == entry.classifier.description.dataset:
            yield from say_learned(folders[entry.classifier], dataset, entry.scored.records)
