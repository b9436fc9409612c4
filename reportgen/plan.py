"""What is asked of an engine about one image, and whether a report on disk answers just that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from medx.core.console import warn
from reportgen.contract import answer_model
from reportgen.engines.base import GenerationRequest
from reportgen.engines.choose import ChosenEngine
from reportgen.item import ReportItem
from reportgen.prompt import Prompt, render_prompt
from reportgen.report import GenerationSettings, Report
from reportgen.report_files import FOLDER
from reportgen.strategies.base import Strategy

#: Engines whose model runs on this machine.
LOCAL_ENGINES = ("medgemma", "transformers")

#: Classifiers differ by less from one thread or batch to another.
SAME_FLOAT = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One report to write.

    Args:
        question: The fields of its report that are known before; another question has others.
        path: Its file, from the run folder.
    """

    item: ReportItem
    strategy: Strategy
    request: GenerationRequest
    question: dict[str, Any]
    path: str

    @property
    def name(self) -> str:
        """What people read of it."""
        return f"{self.item.evidence.image_id} {self.strategy.name}"


def plan(item: ReportItem, strategy: Strategy, chosen: ChosenEngine) -> Job:
    """Return what is asked about an image with one strategy."""
    engine, evidence = chosen.engine, item.evidence
    as_json = engine.answers_json and not engine.config.free_text
    schema = answer_model(strategy, evidence) if as_json else None
    prompt = render_prompt(strategy, evidence, schema=schema)
    if not engine.takes_system_prompt:
        prompt = Prompt(system="", text=prompt.text)
    budget = engine.token_budget(strategy)
    request = GenerationRequest(
        prompt=prompt,
        pixels=item.pixels,
        evidence=evidence,
        strategy=strategy,
        max_new_tokens=budget,
        schema=schema,
    )
    question = {
        "image_id": evidence.image_id,
        "image_sha256": item.sha256,
        "strategy": strategy.name,
        "strategy_version": strategy.version,
        "engine": engine.name,
        "is_mock": engine.is_mock,
        "model": engine.model,
        "model_revision": engine.revision,
        "system_prompt": prompt.system,
        "prompt": prompt.text,
        "prompt_sha256": prompt.sha256,
        "settings": _settings(chosen, request),
        "evidence": evidence,
        "items": evidence.items(),
        "synthetic": evidence.synthetic,
    }
    return Job(
        item=item,
        strategy=strategy,
        request=request,
        question=question,
        path=report_path(item, strategy),
    )


def report_path(item: ReportItem, strategy: Strategy) -> str:
    """Return where a report is kept, from the run folder."""
    return f"{FOLDER}/{item.file_stem}--{strategy.name}.json"


def find_answer(job: Job, run_dir: Path) -> tuple[Report | None, bool]:
    """Return the report of an earlier run that answers the job's very question, or None.

    The second value is True where a report answers another question.
    """
    path = run_dir / job.path
    try:
        report = Report.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, False
    except (OSError, UnicodeDecodeError, ValidationError):
        warn(f"{path.name} is damaged: writing that report again")
        return None, False
    asked = {name: getattr(report, name) for name in job.question}
    same = _same(_plain(asked), _plain(job.question))
    return (report, False) if same else (None, True)


def _settings(chosen: ChosenEngine, request: GenerationRequest) -> GenerationSettings:
    config = chosen.engine.config
    local = chosen.engine.name in LOCAL_ENGINES
    return GenerationSettings(
        max_new_tokens=request.max_new_tokens,
        free_text=request.schema is None,
        batch_size=config.batch_size if local else None,
        quantise=config.quantise if local else None,
        seed=config.seed,
        device=config.device,
    )


def _plain(value: object) -> object:
    if isinstance(value, GenerationSettings):  # other batches ask nothing else
        return value.model_dump(exclude={"batch_size"})
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=SAME_FLOAT)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other
