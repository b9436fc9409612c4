"""The words an engine gets: a strategy filled with evidence."""

from __future__ import annotations

import hashlib
from typing import Any

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import SandboxedEnvironment

from medx.core.errors import InputError
from medx.core.values import Value
from reportgen.control_tokens import plain_line
from reportgen.evidence import Evidence
from reportgen.modality import modality_of
from reportgen.resolution import resolution_note
from reportgen.strategies.base import Strategy

_ENVIRONMENT = SandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)


class Prompt(Value):
    """A rendered prompt."""

    system: str
    text: str

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of both turns."""
        return hashlib.sha256(f"{self.system}\0{self.text}".encode()).hexdigest()


def render_prompt(strategy: Strategy, evidence: Evidence) -> Prompt:
    """Fill a strategy's templates with evidence.

    Raises:
        InputError: When the strategy needs variables that evidence does not give (all are named),
            or its template is broken.
    """
    values = _variables(evidence)
    try:
        missing = sorted(_used(strategy) - values.keys())
        if missing:
            raise InputError(
                f"strategy {strategy.name!r} needs what evidence lacks: {', '.join(missing)}",
                hint=f"evidence gives {', '.join(sorted(values))}",
            )
        system = _ENVIRONMENT.from_string(strategy.system_prompt).render(values)
        text = _ENVIRONMENT.from_string(strategy.template).render(values)
    except TemplateError as error:
        raise InputError(f"the template of strategy {strategy.name!r} fails: {error}") from error
    return Prompt(system=system.strip(), text=text.strip())


def _used(strategy: Strategy) -> set[str]:
    parsed = (_ENVIRONMENT.parse(text) for text in (strategy.system_prompt, strategy.template))
    found = (meta.find_undeclared_variables(tree) for tree in parsed)
    return set(strategy.needs).union(*found)


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
        "items": evidence.items(),
    }
