"""Fields of a JSON answer as text under headings, which everything else reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportgen.control_tokens import one_line
from reportgen.sections import find_heading, is_blank
from reportgen.strategies.base import SectionKind, SectionSpec, field_key

#: Stands where nothing was written, so that a list keeps its entries.
NOTHING = "–"


def lay_out(values: Mapping[str, Any], specs: Sequence[SectionSpec], regions: Sequence[str]) -> str:
    """Return the text whose sections are ``values``, by field key.

    A value that looks like a heading is put in quotes: no section can end another.
    """
    parts = []
    for spec in specs:
        value = values[spec.key]
        if spec.kind is SectionKind.regions:
            body = "\n".join(f"- {name}: {_line(value[field_key(name)])}" for name in regions)
        elif spec.kind is SectionKind.ranked:
            body = "\n".join(_reading(n, entry, specs) for n, entry in enumerate(value, start=1))
        else:
            body = _prose(value, spec, specs)
        parts.append(f"{spec.heading}:\n{body}")
    return "\n\n".join(parts)


def _line(text: str) -> str:
    return one_line(text) or NOTHING


def _prose(text: str, spec: SectionSpec, specs: Sequence[SectionSpec]) -> str:
    own = find_heading(text.lstrip().partition("\n")[0], [spec])
    if own and not is_blank(own[1]):  # "Findings: the lungs …" below FINDINGS
        text = own[1] + "\n" + text.lstrip().partition("\n")[2]
    lines = [line for part in text.splitlines() if (line := one_line(part))]
    return "\n".join(_guarded(line, specs) for line in lines) or NOTHING


def _guarded(line: str, specs: Sequence[SectionSpec]) -> str:
    looks_like_form = line.startswith("```") or find_heading(line, specs)
    return f"“{line}”" if looks_like_form else line


def _reading(rank: int, entry: Mapping[str, str], specs: Sequence[SectionSpec]) -> str:
    reading = one_line(entry["reading"])
    title = NOTHING if is_blank(reading) else f"{reading} ({entry['likelihood']})"
    if find_heading(f"{rank}. {title}", specs):
        title = f"“{title}”"
    return f"{rank}. {title}\nFor: {_line(entry['for'])}\nAgainst: {_line(entry['against'])}"
