"""Cases handed to the report writer: which ones, and as what."""

from __future__ import annotations

from collections.abc import Sequence

from medx.case import Case
from medx.core.console import note
from reportgen.evidence import Evidence
from reportgen.item import ReportItem
from reportgen.samples import Candidate, SampleKind, choose_samples


def choose_items(
    cases: Sequence[Case], num_samples: int, *, seed: int, exact: bool = False
) -> list[ReportItem]:
    """Choose normals, positives and mistakes in balance and return them as report items.

    Args:
        cases: What there is to choose from.
        num_samples: How many.
        seed: Of the choice.
        exact: Refuse when there are fewer; otherwise all are taken, with a note.

    Raises:
        InputError: When ``exact`` and there are too few.
    """
    count = num_samples if exact else min(num_samples, max(len(cases), 1))
    if count < num_samples:
        note(f"there are only {len(cases)} images: reporting on all of them")
    candidates = [
        Candidate(id=case.id, label=case.reference_label, prediction=case.prediction)
        for case in cases
    ]
    by_id = {case.id: case for case in cases}
    chosen = choose_samples(candidates, count, seed=seed)
    return [to_item(by_id[sample.id], kind=sample.kind) for sample in chosen]


def to_item(case: Case, *, kind: SampleKind | None = None, notes: Sequence[str] = ()) -> ReportItem:
    """Return a case as a report item; its reference label stays outside the evidence."""
    return ReportItem(
        evidence=Evidence(
            image_id=case.id,
            dataset=case.dataset,
            modality=case.modality,
            image_size=case.native_size,
            synthetic=case.synthetic,
            prediction=case.prediction,
            neighbours=case.neighbours,
            notes=list(notes),
        ),
        pixels=case.pixels,
        reference_label=case.reference_label,
        kind=kind,
    )
