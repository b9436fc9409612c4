"""From one answer of an engine to a report that is checked."""

from __future__ import annotations

from importlib.metadata import version

from medx.core.errors import EngineError, MedxError
from medx.core.runs import now
from reportgen.agreement.check import check_agreement
from reportgen.agreement.guards import check_text, cited_items, refuse
from reportgen.agreement.results import ReportWarning, WarningKind
from reportgen.contract import Answer, read_answer
from reportgen.engines.base import Generation
from reportgen.engines.choose import ChosenEngine
from reportgen.item import ReportItem
from reportgen.plan import Job, plan
from reportgen.report import Report
from reportgen.strategies.base import Strategy


def report_on(item: ReportItem, strategy: Strategy, chosen: ChosenEngine) -> Report:
    """Write one report and keep it in memory; ``generate_reports`` writes many to a folder.

    Whether one may be written is the caller's to ask (``refuse``); this one says why not.

    Raises:
        MedxError: When the engine has no answer, or one that cannot be read.
    """
    job = plan(item, strategy, chosen)
    chosen.engine.prepare()
    for _, answer in chosen.engine.generate_all([job.request]):
        return make_report(job, answer, chosen)
    raise EngineError(f"engine {chosen.engine.name} gave no answer")


def make_report(job: Job, answer: Generation | MedxError, chosen: ChosenEngine) -> Report:
    """Read and check an answer.

    Args:
        job: What was asked.
        answer: What came back.
        chosen: From whom.

    Raises:
        MedxError: The one that ``answer`` is, or when the answer cannot be read.
    """
    if isinstance(answer, MedxError):
        raise answer
    evidence = job.item.evidence
    read = _read(answer, job)
    unlike = refuse(evidence)
    prompt = job.request.prompt.text
    warnings = check_text(read.text, evidence, cut_off=answer.cut_off, prompt=prompt)
    if unlike:
        warnings = [ReportWarning(kind=WarningKind.unlike, text=unlike), *warnings]
    return Report.model_validate(
        {
            **job.question,
            "engine_reason": chosen.reason,
            "raw": answer.text,
            "text": read.text,
            "schema_valid": read.schema_valid,
            "repaired": read.repaired,
            "sections": read.sections,
            "contract_met": not read.missing,
            "missing": read.missing,
            "cited": cited_items(read.text),
            "agreement": check_agreement(read.text, evidence),
            "warnings": warnings,
            "unlike": unlike,
            "seconds": round(answer.seconds, 3),
            "prompt_tokens": answer.prompt_tokens,
            "tokens": answer.tokens,
            "medx_version": version("medx"),
            "created": now(),
        }
    )


def _read(answer: Generation, job: Job) -> Answer:
    request = job.request
    try:
        return read_answer(answer.text, job.strategy, request.evidence, schema=request.schema)
    except EngineError as error:
        if not answer.cut_off:
            raise
        raise EngineError(
            "the answer was cut off in the middle of its JSON", hint="raise --max-new-tokens"
        ) from error
