"""Strategy templates: what they may use, and a sandbox to fill them in."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from jinja2 import DictLoader, StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from medx.core.errors import InputError
from reportgen.strategies.base import Strategy

#: What a template may use, in words.
VARIABLES: dict[str, str] = {
    "specialist": "who reads such images: radiologist, pathologist, …",
    "modality": "the kind of image, in the dataset's words",
    "height": "native height in pixels",
    "width": "native width in pixels",
    "resolution_note": "what an image of this size can show, in a sentence or two",
    "synthetic": "true when a program drew the image",
    "regions": "names of the regions that a `regions` section asks for",
    "items": "the evidence, each with `id` and `statement`",
    "grounds": "the evidence with the neighbours' texts boiled down to key findings",
    "majority": "how neighbours and classifier agree, in a sentence or two; may be empty",
}

#: What a template may include, in words.
PARTS: dict[str, str] = {
    "image": "kind, size and limits of the image",
    "evidence": "`items` and how to cite them",
    "grounds": "`grounds` and `majority` and how to cite them",
}

_TEMPLATE = "template"


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    folder = resources.files(__package__) / "parts"
    parts = {name: (folder / f"{name}.md.j2").read_text(encoding="utf-8") for name in PARTS}
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        loader=DictLoader(parts),
    )


def render(strategy: Strategy, values: Mapping[str, Any]) -> tuple[str, str]:
    """Return the system turn and the user turn.

    ``values`` must be plain: the methods of an object would be within a template's reach.

    Raises:
        InputError: When the template is broken or uses what there is not; its line is named.
    """
    texts = []
    for template, is_body in zip(_compile(strategy), (False, True), strict=True):
        try:
            texts.append(template.render(values).strip())
        except Exception as error:  # a template can raise anything
            line = _failing_line(error) if is_body else None
            raise InputError(f"{_place(strategy, line)}: {_reason(error)}") from error
    return texts[0], texts[1]


@lru_cache(maxsize=64)
def _compile(strategy: Strategy) -> tuple[Template, Template]:
    check_templates(strategy)
    environment = _environment()

    def compiled(source: str) -> Template:
        code = environment.compile(source, _TEMPLATE, _TEMPLATE)
        return Template.from_code(environment, code, environment.globals)

    return compiled(strategy.system_prompt), compiled(strategy.template)


def check_templates(strategy: Strategy) -> None:
    """Raise ``InputError`` when a template does not parse or uses what there is not."""
    for source, first in ((strategy.system_prompt, None), (strategy.template, 1)):
        try:
            tree = _environment().parse(source)
        except TemplateSyntaxError as error:
            line = first and error.lineno
            raise InputError(f"{_place(strategy, line)}: {_reason(error)}") from error
        if parts := [node for node in _includes(tree) if _part(node) not in PARTS]:
            raise InputError(
                f"{_place(strategy, first and parts[0].lineno)}: there is no part "
                f"{_part(parts[0])!r}",
                hint=f"parts: {', '.join(PARTS)}",
            )
        if unknown := sorted(meta.find_undeclared_variables(tree) - VARIABLES.keys()):
            lines = (n.lineno for n in tree.find_all(nodes.Name) if n.name in unknown)
            raise InputError(
                f"{_place(strategy, first and min(lines))}: unknown variables: "
                f"{', '.join(unknown)}",
                hint=f"a template may use {', '.join(VARIABLES)}",
            )


def variables_used(strategy: Strategy) -> list[str]:
    """Return the variables of both turns, those of included parts too."""
    environment = _environment()
    used: set[str] = set()
    for source in (strategy.system_prompt, strategy.template):
        tree = environment.parse(source)
        used |= meta.find_undeclared_variables(tree)
        for node in _includes(tree):
            part = environment.loader.get_source(environment, _part(node))  # type: ignore[union-attr]
            used |= meta.find_undeclared_variables(environment.parse(part[0]))
    return [name for name in VARIABLES if name in used]


def _includes(tree: nodes.Template) -> Iterator[nodes.Node]:
    return tree.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport))


def _part(node: Any) -> str:
    return str(getattr(node.template, "value", "?"))


def _place(strategy: Strategy, line: int | None) -> str:
    where = strategy.source or f"strategy {strategy.name!r}"
    if line is None:
        return f"{where}: system"
    return f"{where}, line {line + strategy.first_line - 1}"


def _failing_line(error: BaseException) -> int:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == _TEMPLATE]
    return (lines[-1] if lines else None) or 1


def _reason(error: BaseException) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if isinstance(error, TemplateSyntaxError) else f"{type(error).__name__}: {words}"
