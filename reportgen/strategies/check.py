"""What a strategy file asks for, and what is wrong with it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from pydantic import Field

from medx.core.errors import MedxError
from medx.core.values import Value
from reportgen.contract import answer_model
from reportgen.prompt import render_prompt
from reportgen.strategies.base import Strategy
from reportgen.strategies.example import example_evidence
from reportgen.strategies.listing import StrategyInfo, describe_strategy
from reportgen.strategies.load import load_strategy
from reportgen.strategies.templates import PARTS, VARIABLES

#: Characters a token, as a rule of thumb for English; each model counts its own way.
CHARACTERS_PER_TOKEN = 4
#: More than this and a small model loses the thread.
LONG_PROMPT = 2000


class StrategyCheck(Value):
    """One strategy, looked at."""

    schema_version: int = 1
    source: str
    problems: list[str] = Field(description="Each makes the strategy unusable.")
    remarks: list[str] = Field(default_factory=list, description="What may not be meant.")
    strategy: StrategyInfo | None = Field(default=None, description="None: it cannot be read.")
    available: dict[str, str] = Field(default=VARIABLES, description="What a template may use.")
    parts: dict[str, str] = Field(default=PARTS, description="What a template may include.")
    json_schema: dict[str, Any] = Field(
        default_factory=dict, description="Of a JSON answer on a chest radiograph."
    )
    prompt_tokens: int = Field(default=0, description="About, on the example, both turns.")
    answer_tokens: int = Field(default=0, description="About, of the longest JSON answer.")
    filled_system: str = Field(default="", description="On invented evidence.")
    filled_prompt: str = Field(default="", description="On invented evidence.")


def check_strategy(name_or_path: str | Path) -> StrategyCheck:
    """Load a strategy, fill it with example evidence and say what is wrong with it."""
    source = str(name_or_path)
    try:
        strategy = load_strategy(name_or_path)
        problems = _fill_problems(strategy)
        if problems:
            return StrategyCheck(source=source, problems=problems)
    except MedxError as error:
        return StrategyCheck(source=source, problems=[_words(error)])
    evidence = example_evidence()
    prompt = render_prompt(strategy, evidence)
    schema = answer_model(strategy, evidence).model_json_schema()
    info = describe_strategy(strategy)
    prompt_tokens = _tokens(len(prompt.system) + len(prompt.text))
    answer_tokens = _tokens(_longest(schema, schema))
    return StrategyCheck(
        source=source,
        problems=[],
        remarks=_remarks(info, prompt_tokens, answer_tokens),
        strategy=info,
        json_schema=schema,
        prompt_tokens=prompt_tokens,
        answer_tokens=answer_tokens,
        filled_system=prompt.system,
        filled_prompt=prompt.text,
    )


def _fill_problems(strategy: Strategy) -> list[str]:
    """Return why the prompt cannot be filled with all evidence, with none, with another kind."""
    problems = []
    for evidence in (
        example_evidence(),
        example_evidence(bare=True),
        example_evidence(modality="colon histology"),
    ):
        try:
            render_prompt(strategy, evidence)
        except MedxError as error:
            problems.append(_words(error))
    return list(dict.fromkeys(problems))


def _words(error: MedxError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _remarks(info: StrategyInfo, prompt_tokens: int, answer_tokens: int) -> list[str]:
    remarks = []
    used = set(info.variables)
    if not used & {"items", "grounds"}:
        remarks.append('the evidence never reaches the prompt: {% include "evidence" %} brings it')
    if "resolution_note" not in used:
        remarks.append("the prompt does not say what an image of this size can show")
    if re.search(r"\bjson\b", info.template, re.I):
        remarks.append("the prompt speaks of JSON: medx asks for the form by itself")
    if answer_tokens > info.max_new_tokens:
        remarks.append(
            f"an answer of full length takes about {answer_tokens} tokens, max_new_tokens is "
            f"{info.max_new_tokens}: it may be cut off"
        )
    if prompt_tokens > LONG_PROMPT:
        remarks.append(f"the prompt is long: about {prompt_tokens} tokens")
    return remarks


def _tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def _longest(node: dict[str, Any], schema: dict[str, Any]) -> int:
    """Return the characters of the longest text that a schema of ``answer_model`` allows."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    if "enum" in node:
        return max(len(word) for word in node["enum"]) + 2
    if node["type"] == "string":
        return int(node["maxLength"]) + 2
    if node["type"] == "array":
        return 2 + int(node["maxItems"]) * (_longest(node["items"], schema) + 2)
    fields = node["properties"].items()
    return 2 + sum(len(key) + 6 + _longest(child, schema) for key, child in fields)
