"""What a report may lean on of a case."""

from __future__ import annotations

from collections.abc import Sequence

from medx.case.cases import Case
from medx.core.values import HeatMap
from reportgen.evidence import Evidence, HeatMapFact
from reportgen.item import ReportItem

FILE_NOTE = "classifier and archive were made from {}; this file may differ from it"


def report_items(cases: Sequence[Case]) -> list[ReportItem]:
    """Return what reports are written from; the reference label stays outside the evidence."""
    return [
        ReportItem(
            evidence=evidence_of(case),
            pixels=case.pixels,
            heatmap=case.heatmap,
            reference_label=case.reference_label,
            kind=case.kind,
        )
        for case in cases
    ]


def evidence_of(case: Case) -> Evidence:
    """Return everything an engine gets to know of a case besides its pixels."""
    return Evidence(
        image_id=case.id,
        dataset=case.dataset,
        modality=case.modality,
        image_size=case.native_size,
        synthetic=case.synthetic,
        prediction=case.prediction,
        heatmap=heatmap_fact(case.heatmap),
        neighbours=case.neighbours,
        index=case.index,
        notes=[FILE_NOTE.format(case.dataset)] if case.from_file else [],
    )


def heatmap_fact(heatmap: HeatMap | None) -> HeatMapFact | None:
    """Return a heat-map in words; None where it shows no evidence."""
    if heatmap is None or heatmap.peak is None or heatmap.zone is None:
        return None
    return HeatMapFact(
        label=heatmap.label, method=heatmap.method, peak=heatmap.peak, zone=heatmap.zone
    )
