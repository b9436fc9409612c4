"""How prompts ask for the form of an answer, so that strategies need not."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.strategies.base import LIKELIHOODS, SectionKind, SectionSpec, field_key

_LIKELIHOODS = f"{', '.join(LIKELIHOODS[:-1])} or {LIKELIHOODS[-1]}"


def describe_headings(specs: Sequence[SectionSpec], regions: Sequence[str]) -> str:
    """Ask for text under headings."""
    count = "this one section" if len(specs) == 1 else f"these {len(specs)} sections in this order"
    lines = [f"Form of the answer: plain text with exactly {count}, each heading on its own line."]
    for spec in specs:
        lines.append(f"{spec.heading}:")
        if spec.kind is SectionKind.regions:
            lines.append("one line for each of")
            lines += [f"- {region}: text" for region in regions]
        elif spec.kind is SectionKind.ranked:
            lines.append(f"{_entries(spec)}, the most likely first, each in three lines")
            lines.append(f"1. name of the reading ({_LIKELIHOODS} likelihood)")
            lines += ["For: what speaks for it", "Against: what speaks against it"]
        else:
            lines.append("prose")
    return "\n".join(lines)


def describe_json(specs: Sequence[SectionSpec], regions: Sequence[str]) -> str:
    """Ask for the JSON object that ``answer_model`` describes."""
    lines = [
        "Form of the answer: one JSON object, with nothing before or after it, with exactly these "
        "fields in this order:"
    ]
    return "\n".join(lines + [f'"{spec.key}": {_json_value(spec, regions)}' for spec in specs])


def _json_value(spec: SectionSpec, regions: Sequence[str]) -> str:
    text = f"at most {spec.max_characters} characters"
    if spec.kind is SectionKind.regions:
        keys = ", ".join(f'"{field_key(region)}"' for region in regions)
        return f"object with the fields {keys}, each a string of {text}"
    if spec.kind is SectionKind.ranked:
        words = " or ".join(f'"{word}"' for word in LIKELIHOODS)
        return (
            f"list of {_entries(spec)}, the most likely first, each an object with the fields "
            f'"reading" (its name), "likelihood" ({words}), "for" and "against" (what speaks for '
            f"and against it, strings of {text})"
        )
    return f"string of {text}"


def _entries(spec: SectionSpec) -> str:
    fewest, most = max(1, spec.min_entries), spec.max_entries
    return f"{most} readings" if fewest == most else f"{fewest} to {most} readings"
