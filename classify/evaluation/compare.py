"""Train runs side by side on the same images, and what each loses from val on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.config import CompareConfig, as_mapping
from classify.evaluation.comparison import ComparedRun, Comparison, Gap, PairedTest
from classify.evaluation.evaluate import chance_levels
from classify.evaluation.measured import Measured
from classify.evaluation.metrics import Case, Sampled, measure_case, sample_metrics
from classify.evaluation.paired_tests import compare_auroc
from classify.evaluation.scoring import Scored, score, split_to_measure
from classify.evaluation.shared_classes import map_labels
from classify.ledger import (
    count_evaluations,
    learned_from_val,
    record_evaluation,
    say_learned,
)
from classify.predict import Classifier, load_classifier
from classify.results import Skipped
from classify.runs import dataset_key, find_train_run, trained_on
from medx.core.bootstrap import Bootstrap
from medx.core.console import track
from medx.core.errors import InputError
from medx.core.files import write_json
from medx.core.paired_tests import Difference, compare_accuracy, holm
from medx.core.runs import save_config
from medx.core.statistics import percentile_interval
from medx.datasets.catalog import load_dataset
from medx.datasets.manifest import Dataset

SHOWN = ("auroc", "accuracy", "balanced_accuracy", "sensitivity", "specificity")
GAPS = ("auroc", "accuracy", "balanced_accuracy")


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One run on one dataset.

    Args:
        classifier: The run.
        dataset: All of the dataset, labels mapped.
        split: What of it was measured.
        scored: What the run says of the split.
        how: How its intervals are made.
    """

    classifier: Classifier
    dataset: Dataset
    split: str
    scored: Scored
    how: Bootstrap


def compare_runs(
    config: CompareConfig, run_dir: Path, *, data_dir: Path | None = None
) -> Comparison:
    """Measure every run on every dataset, and test them against one another on the same images.

    Each look of a model at a test split is appended to the ledger of its train run.

    Args:
        config: What to compare.
        run_dir: Gets ``metrics.json``.
        data_dir: Where ``.npz`` datasets are searched first.

    Raises:
        InputError: When no run is named, or one twice.
        CheckpointError: When a run is unfinished or damaged.
    """
    folders = [find_train_run("", run) for run in config.runs]
    if not folders or len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("name one train run or several different ones")
    names = config.datasets or (trained_on(folders[0]),)
    datasets = [_load(dataset_key(name), config, data_dir) for name in names]
    classifiers = {
        folder: load_classifier(folder, config.device, batch_size=config.batch_size)
        for folder in folders
    }
    save_config(run_dir, as_mapping(config))
    pairs = [(folder, dataset) for dataset in datasets for folder in folders]
    entries, rows = [], []
    for folder, dataset in track(pairs, "measuring"):
        entry = _enter(classifiers[folder], dataset, config)
        if entry.scored.met_test:
            record_evaluation(folder, dataset.name, entry.split, len(entry.scored.records))
        entries.append(entry)
        rows.append(_row(entry, count_evaluations(folder, dataset.name)))
    runs = dict(zip(classifiers.values(), folders, strict=True))
    gaps, gap_notes = _all_gaps(entries, config, runs)
    tests, test_notes = _all_tests(entries)
    result = Comparison(
        run_dir=str(run_dir),
        split=config.split,
        shown=list(SHOWN),
        rows=rows,
        chance={e.dataset.name: chance_levels(e.scored) for e in entries},
        gaps=gaps,
        tests=tests,
        notes=list(dict.fromkeys([*_notes(entries, runs), *gap_notes, *test_notes])),
        bootstrap_resamples=config.resamples,
        bootstrap_seed=config.seed,
    )
    write_json(run_dir / "metrics.json", result.model_dump())
    return result


def _load(name: str, config: CompareConfig, data_dir: Path | None) -> Dataset:
    dataset = load_dataset(name, data_dir=data_dir)
    return map_labels(dataset, config.label_map, lenient=True)


def _enter(
    classifier: Classifier, dataset: Dataset, config: CompareConfig, split: str | None = None
) -> Entry:
    split = split_to_measure(dataset, split or config.split)
    scored = score(classifier, dataset.split(split, limit=config.limit))
    how = Bootstrap(groups=scored.groups, resamples=config.resamples, seed=config.seed)
    return Entry(classifier=classifier, dataset=dataset, split=split, scored=scored, how=how)


def _row(entry: Entry, looks: int) -> ComparedRun:
    about, shared = entry.classifier.description, entry.scored.shared
    metrics: Measured = measure_case(entry.scored.case, entry.how)[0]
    return ComparedRun(
        classifier=entry.classifier.name,
        trained_on=about.dataset,
        dataset=entry.dataset.name,
        synthetic=entry.dataset.synthetic,
        split=entry.split,
        n=len(entry.scored.records),
        classes=list(entry.classifier.classes),
        absent=list(shared.absent),
        left_out=shared.left_out,
        operating_point=about.operating_point,
        metrics=metrics,
        unit=entry.how.unit,
        test_evaluations=looks,
        skipped=[Skipped(id=name, reason=reason) for name, reason in entry.scored.skipped],
    )


def _all_gaps(
    entries: Sequence[Entry], config: CompareConfig, folders: dict[Classifier, Path]
) -> tuple[list[Gap], list[str]]:
    """Return val → split on a run's own dataset, and from there to each other dataset."""
    gaps, notes = [], []
    for classifier in dict.fromkeys(entry.classifier for entry in entries):
        mine = [entry for entry in entries if entry.classifier is classifier]
        home = next((e for e in mine if e.dataset.name == classifier.description.dataset), None)
        if home is None:
            notes.append(
                f"{classifier.name} was trained on {classifier.description.dataset}, which is not "
                "among the datasets: no gap can be stated"
            )
            continue
        inside = f"{home.dataset.name} {home.split}"
        if learned_from_val(folders[classifier]):
            notes.append(f"{classifier.name} learned from val too: no gap from val can be stated")
        elif config.split == "test" and "val" in home.dataset.splits:
            val = _enter(classifier, home.dataset, config, "val")
            gaps.append(_gap(val, f"{home.dataset.name} val", home, inside))
        gaps += [
            _gap(home, inside, entry, f"{entry.dataset.name} {entry.split}")
            for entry in mine
            if entry is not home
        ]
    return gaps, notes


def _gap(start: Entry, start_name: str, end: Entry, end_name: str) -> Gap:
    """Return end less start; the two hold different images, so their samples are independent."""
    # Two streams of one seed would move together.
    there = replace(end.how, seed=end.how.seed + 1)
    before, after = (
        sample_metrics(start.scored.case, start.how),
        sample_metrics(end.scored.case, there),
    )
    return Gap(
        classifier=start.classifier.name,
        start=start_name,
        end=end_name,
        metrics={
            name: percentile_interval(
                float(after.estimates[name][-1] - before.estimates[name][-1]),
                _last(after, name) - _last(before, name),
            )
            for name in GAPS
        },
    )


def _last(sampled: Sampled, name: str) -> npt.NDArray[np.float64]:
    return sampled.samples[name][:, -1]


def _all_tests(entries: Sequence[Entry]) -> tuple[list[PairedTest], list[str]]:
    notes, found = [], []
    for dataset in dict.fromkeys(entry.dataset for entry in entries):
        here = [entry for entry in entries if entry.dataset is dataset]
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
        dataset=first.dataset.name,
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


def _notes(entries: Sequence[Entry], folders: dict[Classifier, Path]) -> Iterable[str]:
    for entry in entries:
        yield from entry.scored.notes
        if entry.dataset.name == entry.classifier.description.dataset:
            yield from say_learned(folders[entry.classifier], entry.scored.records)
