"""What has to be known of an evaluation before its figures are believed."""

from __future__ import annotations

from collections.abc import Sequence

from medx.core.words import many
from reportgen.evaluation.baselines import CONSTANT
from reportgen.evaluation.measuring import Known
from reportgen.evaluation.results import Kind
from reportgen.evaluation.runs import FinishedRun
from reportgen.evaluation.subject import Subject
from reportgen.evaluation.wording import EXTRA, PACKAGES


def say_notes(runs: Sequence[FinishedRun], subjects: Sequence[Subject], known: Known) -> list[str]:
    """Say what is missing, was left out, or could not be compared.

    Args:
        runs: What was read.
        subjects: Contenders and baselines.
        known: What they were measured against.
    """
    notes = [
        f"{run.name} did not finish: images it never came to are not counted"
        for run in runs
        if not run.finished
    ]
    notes += [
        f"{many(len(run.damaged), 'report file')} of {run.name} could not be read"
        for run in runs
        if run.damaged
    ]
    notes += [
        f"{subject.name} has no report on {many(len(subject.missing), 'image')}: they count as "
        "saying nothing"
        for subject in subjects
        if subject.missing
    ]
    if any(subject.kind is Kind.engine and subject.is_mock for subject in subjects):
        notes.append("the mock wrote from the evidence alone; it looked at no image")
    if not known.has_labels:
        notes.append("no labels: nothing is said of label agreement (--labels FILE)")
    if not known.has_references:
        notes.append("no reference reports: nothing is said of findings (--references FILE)")
    elif all(subject.name != CONSTANT for subject in subjects):
        notes.append(f"no {CONSTANT}: no reference report of a train split is known")
    lacking = [name for name in PACKAGES if name not in known.measures]
    if lacking and known.has_references:
        notes.append(f"no {' and '.join(lacking)}: pip install 'medx[{EXTRA}]'")
    return notes
