"""What evaluating reports finds."""

from __future__ import annotations

from enum import Enum

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Value


class Reading(str, Enum):
    """What counts as stated."""

    present = "present"
    possible = "present or uncertain"
    statuses = "present, uncertain and absent, each by itself"


class Kind(str, Enum):
    """Who wrote the reports."""

    engine = "engine"
    baseline = "baseline"


class Missing(Value):
    """An image that has no report."""

    image_id: str
    reason: str


class Damaged(Value):
    """A report file that could not be read."""

    path: str
    reason: str


class Quality(Value):
    """What needs no truth: shares of the reports that were written, unless said otherwise."""

    reports: int
    contract_met: Interval | None = Field(description="Every section asked for is there.")
    missing_sections: dict[str, int] = Field(description="What was missing → reports")
    schema_valid: Interval | None = Field(description="Of reports asked for as JSON.")
    asked_as_json: int
    checked: int = Field(description="Reports whose claims were checked against evidence.")
    claims: int
    contradicted_claims: Interval | None = Field(description="Of all checked claims.")
    unsupported_claims: Interval | None = Field(description="Of all checked claims.")
    contradicting: Interval | None = Field(description="Reports with a contradicted claim.")
    unsupported: Interval | None = Field(description="Reports with an unsupported claim.")
    citing: Interval | None = Field(description="Cites known evidence, of those that had some.")
    warnings: dict[str, Interval] = Field(description="kind → reports that carry it")
    tokens: float | None = Field(description="Mean a report.")
    prompt_tokens: float | None = Field(description="Mean a report.")
    seconds: float | None = Field(
        description="Mean a report: of a batch its share, of a server the wait beside others."
    )
    seconds_median: float | None


class ClassStatement(Value):
    """How often one class is stated, where it is true and where it is not."""

    label: str
    positives: int
    sensitivity: Interval | None
    specificity: Interval | None = Field(description="Said not to be there, among the others.")


class StatementScore(Value):
    """What reports state against the labels; silence is never right."""

    reading: Reading
    images: int = Field(description="Labelled ones.")
    positives: int
    normals: int
    prevalence: float
    agreement: Interval | None = Field(description="States just the true classes.")
    sensitivity: Interval | None = Field(description="Of positives, a true class is stated.")
    specificity: Interval | None = Field(description="Of normals, every class is said not to be.")
    yes_bias: Interval | None = Field(description="Of normals, a class is stated.")
    positive_rate: Interval | None = Field(description="Of all, a class is stated.")
    abnormal_normals: Interval | None = Field(description="Of normals, any finding is stated.")
    silent: Interval | None = Field(description="Says nothing of any finding, or is missing.")
    classes: list[ClassStatement]


class FindingRow(Value):
    """One finding over all images."""

    finding: str
    expected: int
    given: int
    agreed: int
    precision: float | None
    recall: float | None
    f1: Interval | None


class FindingScore(Value):
    """Findings of the report against those of the reference report."""

    reading: Reading
    precision: Interval | None = Field(description="Micro, without No Finding.")
    recall: Interval | None = Field(description="Micro, without No Finding.")
    f1: Interval | None = Field(description="Micro, without No Finding.")
    macro_f1: Interval | None = Field(description="Mean over findings that the references state.")
    f1_with_no_finding: Interval | None = Field(description="Micro, No Finding counted as one.")
    findings: list[FindingRow]


class Laterality(Value):
    """Sides, of findings that report and reference both state and the reference places."""

    findings: int
    stated: Interval | None = Field(description="The report gives a side.")
    accuracy: Interval | None = Field(description="The report gives the same side.")


class Contender(Value):
    """One way of writing reports: an engine with a strategy in a run, or a baseline."""

    name: str
    kind: Kind
    about: str
    run: str = ""
    engine: str = ""
    model: str = ""
    model_revision: str = ""
    strategy: str = ""
    strategy_version: int | None = None
    is_mock: bool = False
    images: int
    reports: int
    missing: list[Missing] = Field(default_factory=list)
    quality: Quality | None = Field(default=None, description="None: a baseline.")
    statements: list[StatementScore] = Field(default_factory=list)
    findings: list[FindingScore] = Field(default_factory=list)
    laterality: Laterality | None = None
    wording: dict[str, Interval | None] = Field(
        default_factory=dict, description="BLEU, ROUGE-L and external measures, as they define."
    )


class Flip(Value):
    """Two contenders on the same images: how often what is stated differs."""

    first: str
    second: str
    changed: str = Field(description="strategy, run, engine, or several of them.")
    images: int
    rate: Interval
    chance: float = Field(description="Were the two independent of each other.")


class FlipGroup(Value):
    """Several contenders that differ in one thing: images on which not all state the same."""

    changed: str
    of: str
    contenders: list[str]
    images: int
    rate: Interval


class PairedTest(Value):
    """Two contenders on the same images; a difference above 0 favours the second."""

    first: str
    second: str
    statistic: str
    images: int
    difference: Interval
    p_value: float
    p_adjusted: float = Field(
        description="By Holm (1979), over the tests among engines, or over those against baselines."
    )
    method: str
    only_first: int | None = Field(description="Images that the first alone got right.")
    only_second: int | None = Field(description="Images that the second alone got right.")


class Quote(Value):
    """A claim that the evidence contradicts, in the report's own words."""

    text: str
    reason: str


class CaseReport(Value):
    """What one contender wrote of an image."""

    contender: str
    text: str
    stated: list[str] = Field(description="Findings that are present or uncertain.")
    right: bool | None = Field(description="States just the true classes; None: no label.")
    f1: float | None = Field(description="Of findings, against the reference.")
    contradictions: list[Quote]
    warnings: list[str]


class WorstCase(Value):
    """An image on which reports were worst."""

    image_id: str
    label: str | None
    reference: str | None
    picture: str | None = Field(description="File of the run that kept it.")
    missing: list[str] = Field(description="Contenders without a report.")
    reports: list[CaseReport]


class RunNote(Value):
    """What is to be known of one run."""

    name: str
    run_dir: str
    finished: bool
    damaged: list[Damaged]
    test_evaluations: int | None = Field(description="Times met on test; None: not test.")


class ReportEvaluation(Value):
    """Reports measured, beside their baselines; ``metrics.json`` of its folder."""

    schema_version: int = 1
    run_dir: str
    page: str
    dataset: str
    split: str
    synthetic: bool
    is_mock: bool = Field(description="At least one contender is the mock.")
    images: int
    labelled: int
    referenced: int
    labels_from: str | None
    references_from: str | None
    classes: list[str]
    normal: str | None = Field(description="The class that means that nothing is wrong.")
    runs: list[RunNote]
    contenders: list[Contender]
    flips: list[Flip]
    flip_groups: list[FlipGroup]
    tests: list[PairedTest]
    worst: list[WorstCase]
    notes: list[str]
    unit: str = Field(description="What was resampled: image or patient.")
    bootstrap_resamples: int
    bootstrap_seed: int
    disclaimer: str = DISCLAIMER
