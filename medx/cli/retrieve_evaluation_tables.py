"""How measured searches are shown to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medx.core.console import print_line, print_table
from medx.core.words import many

if TYPE_CHECKING:
    from retrieval.evaluation.comparison import ComparedIndex, ComparisonResult, PairedDifference
    from retrieval.evaluation.results import EvaluationResult, MeasureRow, ProtocolResult

#: Scopes that stand side by side in the first table of a protocol.
WIDE = {"all": "all queries", "macro": "mean of classes"}


def print_evaluation(result: EvaluationResult) -> None:
    """Print two tables a protocol: every measure, and every class."""
    made_up = "SYNTHETIC " if result.synthetic else ""
    for protocol in result.protocols:
        print_protocol(protocol, f"{made_up}{result.dataset}", result.encoder.name)
    looks = "once" if result.test_evaluations == 1 else f"{result.test_evaluations} times"
    print_line(f"test split of {result.dataset} evaluated {looks} so far with this encoder")
    if result.page:
        print_line(f"wrong neighbours: {result.page}")
    print_line(result.disclaimer)


def print_protocol(protocol: ProtocolResult, dataset: str, encoder: str) -> None:
    """Print one protocol."""
    scopes = [name for name in WIDE if any(row.scope == name for row in protocol.rows)]
    by_key = {row.key: row for row in protocol.rows}
    # At k = 1, nDCG and mAP are P@1 once more.
    told = [
        row for row in protocol.rows if row.top_k != 1 or row.measure in ("precision", "recall")
    ]
    measures = dict.fromkeys((row.name, row.measure, row.top_k) for row in told)
    print_table(
        (
            (
                name,
                *(
                    cell
                    for scope in scopes
                    for cell in _cells(by_key.get((scope, None, measure, top_k)))
                ),
            )
            for name, measure, top_k in measures
        ),
        columns=("measure", *(c for s in scopes for c in (f"{WIDE[s]} [95 % interval]", "chance"))),
        keep=1,
        title=_title(protocol, dataset, encoder),
    )
    _print_classes(protocol)
    _print_rest(protocol)


def _title(protocol: ProtocolResult, dataset: str, encoder: str) -> str:
    kind = "" if protocol.kind == "flat" else f", {protocol.kind} index"
    title = (
        f"{protocol.task}, {protocol.protocol}: {dataset}, {protocol.queries} queries of split "
        f"{protocol.split} in {protocol.gallery} images of split {protocol.gallery_split} (encoder "
        f"{encoder}{kind}; left out: {protocol.excluded_duplicates} duplicate pairs, "
        f"{protocol.excluded_same_group} same-group pairs)"
    )
    if protocol.unmeasured:
        title += f"\nnot measured: {', '.join(protocol.unmeasured)}"
    return title


def _cells(row: MeasureRow | None) -> tuple[object, object]:
    return (str(row.value), row.chance) if row else (None, None)


def _print_classes(protocol: ProtocolResult) -> None:
    rows = [row for row in protocol.rows if row.scope == "class"]
    shown = [row for row in rows if row.measure == "precision" or row.name == "mAP"]
    names = list(dict.fromkeys(row.name for row in shown))
    by_class = {(row.label, row.name): row for row in shown}
    labels = list(dict.fromkeys(row.label for row in rows))
    if not shown:
        return

    def cells(label: str | None) -> tuple[object, ...]:
        found = [by_class.get((label, name)) for name in names]
        precision = next(row for row in found if row)
        values = (str(row.value) if row else None for row in found)
        return (label, precision.n, precision.chance, *values)

    print_table(map(cells, labels), columns=("class", "n", "chance P@k", *names), keep=1)


def _print_rest(protocol: ProtocolResult) -> None:
    for label, prompts in protocol.prompts.items():
        print_line(f"prompts for {label}: {'; '.join(prompts)}")
    hubs = protocol.hubness
    if hubs and hubs.skewness is not None and hubs.chance_skewness is not None:
        print_line(
            f"hubness: skewness of the {hubs.top_k}-occurrence {hubs.skewness:.2f} (random "
            f"neighbours {hubs.chance_skewness:.2f}), {hubs.anti_hubs:.1%} of the gallery is "
            f"nobody's neighbour (random {hubs.chance_anti_hubs:.1%}), the greatest hub is that of "
            f"{hubs.largest} queries"
        )
    if protocol.unanswerable:
        print_line(f"{protocol.unanswerable} queries have no relevant image to be found")
    print_line(
        f"chance: {protocol.chance_method}; 95 % intervals: percentile bootstrap, drawing "
        f"{protocol.resampled} again; of a 0 or 1: {protocol.all_or_none}"
    )


def print_comparison(result: ComparisonResult) -> None:
    """Print one table a protocol, the differences to the first index, and looks at test."""
    made_up = "SYNTHETIC " if result.synthetic else ""
    protocols = dict.fromkeys((p.task, p.protocol) for e in result.indexes for p in e.protocols)
    for task, name in protocols:
        scope = "all" if task == "image-to-image" else "macro"
        found = [(e, p) for e in result.indexes for p in e.protocols if p.protocol == name]
        rows = [{r.name: r for r in p.rows if r.scope == scope} for _, p in found]
        names = [n for n in dict.fromkeys(n for row in rows for n in row) if _is_shown(n)]
        chance = next(iter(rows))
        print_table(
            (
                (
                    measure,
                    *(str(row[measure].value) if measure in row else None for row in rows),
                    chance[measure].chance if measure in chance else None,
                )
                for measure in names
            ),
            columns=("measure", *(_column(entry, p) for entry, p in found), "chance"),
            keep=1,
            title=f"{task}, {name}, {WIDE[scope]}: {made_up}{result.dataset}, split {result.split}",
        )
    _print_differences(result.differences)
    looks = {str(entry.encoder): entry.test_evaluations for entry in result.indexes}
    for encoder, count in looks.items():
        print_line(f"{encoder}: test split of {result.dataset} met {many(count, 'time')} so far")
    print_line(f"figure: {result.figure}")
    print_line(result.disclaimer)


def _column(entry: ComparedIndex, protocol: ProtocolResult) -> str:
    recall = protocol.kind_recall
    return f"{entry.name}\nrecall@10 {recall}" if recall else entry.name


def _is_shown(name: str) -> bool:
    return name.startswith("P@") or name in ("mAP", "MRR") or name.startswith("nDCG@10")


def _print_differences(differences: tuple[PairedDifference, ...]) -> None:
    shown = [
        d
        for d in differences
        if d.scope == ("all" if d.task == "image-to-image" else "macro") and _is_shown(d.metric)
    ]
    print_table(
        (
            (f"{d.second} less {d.first}", f"{d.task}, {d.protocol}", d.metric, str(d.difference))
            for d in shown
        ),
        columns=("paired difference", "protocol", "measure", "difference [95 % interval]"),
    )
