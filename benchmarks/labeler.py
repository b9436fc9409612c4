"""How often the report labeler is right, and how fast it is, next to plain keywords.

    python benchmarks/labeler.py

Hand-made sentences and reports: the part `tune` was looked at while the rules were written, the
part `test` was not. Phantom reports are generated with their truth (synthetic): they are written by
templates and much easier than people's. Nothing here is a real report.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from medx.core.console import print_json, stderr
from medx.core.files import write_text
from medx.core.values import Value
from medx.datasets.phantoms.config import FINDINGS, PhantomConfig
from medx.datasets.phantoms.cxr import Phantom, generate_phantoms
from reportgen.labeler.finding import Finding, Side, Status, joined
from reportgen.labeler.keyword import label_by_keywords
from reportgen.labeler.labeler import label_report
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.reference import read_reference
from reportgen.labeler.report_labels import FindingLabel, ReportLabels
from reportgen.labeler.scoring import LabelScore, score, stated_labels

HERE = Path(__file__).parent
SENTENCES = HERE.parent / "tests/test_reportgen/test_labeler/sentences.yaml"
RESULTS = HERE / "results" / "labeler.json"
Labeler = Callable[[str], ReportLabels]
LABELERS: dict[str, Labeler] = {
    "rules": label_report,
    "keywords": label_by_keywords,
    "keywords and no/not/without": partial(label_by_keywords, negation=True),
}

#: What a report may call each of a phantom's findings; "airspace opacity" is consolidation there.
PHANTOM_NAMES: dict[str, tuple[Finding, ...]] = {
    "opacity": (Finding.consolidation, Finding.lung_opacity),
    "pleural effusion": (Finding.pleural_effusion,),
    "pneumothorax": (Finding.pneumothorax,),
    "cardiomegaly": (Finding.cardiomegaly,),
    "nodule": (Finding.lung_lesion,),
}
_OPACITIES = ("consolidation", "interstitial opacity")


class PartResult(Value):
    """One labeler on one part of the sentences."""

    part: str
    labeler: str
    texts: int
    all_right: int
    scores: list[LabelScore]


class PhantomResult(Value):
    """One labeler on the texts of phantoms."""

    texts: str
    labeler: str
    count: int
    f1: dict[str, float]
    micro_f1: float
    side_accuracy: float
    sides: int


class Speed(Value):
    """By processor time on one core, words seen before."""

    sentences_per_second: float
    reports_per_second: float
    seconds_to_load: float


class Results(Value):
    """All that is written down."""

    command: str
    synthetic: bool = True
    sentences: list[PartResult]
    phantoms: list[PhantomResult]
    speed: Speed


def main() -> None:
    """Score every labeler, time the rules, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phantoms", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    stderr.quiet = True
    start = time.perf_counter()
    load_lexicon()
    loading = time.perf_counter() - start
    parts = read_reference(SENTENCES)
    config = PhantomConfig(count=options.phantoms, size=16, seed=1, co_occurrence=0.3)
    phantoms = list(generate_phantoms(config, workers=1))
    results = Results(
        command=f"python benchmarks/labeler.py --phantoms {options.phantoms}",
        sentences=[_score_part(p, texts, name) for p, texts in parts.items() for name in LABELERS],
        phantoms=[_score_phantoms(phantoms, t, n) for t in ("report", "caption") for n in LABELERS],
        speed=_speed([text for texts in parts.values() for text, _ in texts], phantoms, loading),
    )
    write_text(options.output, json.dumps(results.model_dump(mode="json"), indent=2) + "\n")
    print_json(results)


def _score_part(part: str, texts: list[tuple[str, list[FindingLabel]]], name: str) -> PartResult:
    given = [stated_labels(LABELERS[name](text).findings) for text, _ in texts]
    expected = [labels for _, labels in texts]
    right = sum(_same(g, e) for g, e in zip(given, expected, strict=True))
    scores = score(given, expected)
    return PartResult(part=part, labeler=name, texts=len(texts), all_right=right, scores=scores)


def _same(given: list[FindingLabel], expected: list[FindingLabel]) -> bool:
    first, second = ({(x.finding, x.status) for x in labels} for labels in (given, expected))
    return first == second


def _score_phantoms(phantoms: list[Phantom], kind: str, name: str) -> PhantomResult:
    counts = {group: [0, 0, 0] for group in PHANTOM_NAMES}
    right_sides, sides = 0, 0
    for phantom in phantoms:
        labels = LABELERS[name](getattr(phantom, kind))
        for group, findings in PHANTOM_NAMES.items():
            truth = _truth(phantom, group)
            said = [x for f in findings if (x := labels.label(f)) and x.status is Status.present]
            for i, hit in enumerate((said and truth is not None, said, truth is not None)):
                counts[group][i] += bool(hit)
            if said and truth:
                sides += 1
                right_sides += joined({x.side for x in said if x.side}) is truth.pop()
    total = [sum(values) for values in zip(*counts.values(), strict=True)]
    return PhantomResult(
        texts=kind,
        labeler=name,
        count=len(phantoms),
        f1={group: _f1(values) for group, values in counts.items()},
        micro_f1=_f1(total),
        side_accuracy=right_sides / sides,
        sides=sides,
    )


def _truth(phantom: Phantom, group: str) -> set[Side] | None:
    """Return the true side of a finding, empty where it has none, or None when it is not there."""
    names = _OPACITIES if group == "opacity" else (group,)
    assert set(names) <= set(FINDINGS)
    there = [finding for finding in phantom.findings if finding.name in names]
    known = {side.value for side in Side}
    side = joined({Side(finding.side) for finding in there if finding.side in known})
    return ({side} if side else set()) if there else None


def _f1(counts: list[int]) -> float:
    agreed, said, wanted = counts
    return 2 * agreed / (said + wanted)


def _speed(sentences: list[str], phantoms: list[Phantom], loading: float) -> Speed:
    reports = [phantom.report for phantom in phantoms]
    return Speed(
        sentences_per_second=round(_rate(sentences)),
        reports_per_second=round(_rate(reports)),
        seconds_to_load=round(loading, 3),
    )


def _rate(texts: list[str]) -> float:
    start, count = time.process_time(), 0
    while time.process_time() - start < 2.0:
        for text in texts:
            label_report(text)
        count += len(texts)
    return count / (time.process_time() - start)


if __name__ == "__main__":
    main()
