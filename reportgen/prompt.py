"""The words an engine gets: a strategy filled with evidence, and the form of the answer."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel

from medx.core.values import Value
from reportgen.answer_form import describe_headings, describe_json
from reportgen.control_tokens import plain_line
from reportgen.evidence import Evidence
from reportgen.grounds import grounds, majority
from reportgen.modality import modality_of
from reportgen.resolution import resolution_note
from reportgen.strategies.base import Strategy
from reportgen.strategies.templates import render


class Prompt(Value):
    """A rendered prompt."""

    system: str
    text: str

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of both turns."""
        return hashlib.sha256(f"{self.system}\0{self.text}".encode()).hexdigest()


def render_prompt(
    strategy: Strategy, evidence: Evidence, *, schema: type[BaseModel] | None = None
) -> Prompt:
    """Fill a strategy's templates with evidence and ask for the form of the answer.

    With the ``schema`` of a JSON answer that is asked for, without one text under headings.

    Raises:
        InputError: When a template is broken or uses what there is not; its line is named.
    """
    values = _variables(evidence)
    system, text = render(strategy, values)
    describe = describe_headings if schema is None else describe_json
    form = describe(strategy.sections, values["regions"])
    return Prompt(system=system, text=f"{text}\n\n{form}")


def _variables(evidence: Evidence) -> dict[str, Any]:
    modality = plain_line(evidence.modality) or "medical image"
    known = modality_of(modality)
    return {
        "specialist": known.specialist,
        "modality": modality.removeprefix("synthetic "),
        "height": evidence.image_size[0],
        "width": evidence.image_size[1],
        "resolution_note": resolution_note(evidence.image_size, modality),
        "synthetic": evidence.synthetic,
        "regions": known.regions,
        "items": tuple(item.model_dump() for item in evidence.items()),
        "grounds": tuple(item.model_dump() for item in grounds(evidence)),
        "majority": majority(evidence),
    }
